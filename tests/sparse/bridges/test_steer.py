import pytest
import torch

from tapeout.errors import ModelError, TaskError
from tapeout.models import Model, Tokens, attached
from tapeout.sparse.bridges import (
    Bridges,
    Channel,
    Steering,
    controls,
    effects,
    label_of,
    largest,
    most_moving,
)

from ...tiny import Sizes, gap
from ...words import word_model, word_task

LLAMA, SPARSE = Sizes(layers=2), Sizes(layers=2, seed=6)
TASK = word_task(n=9)


def steering_of(dense: Model, sparse: Model) -> Steering:
    sizes = [model.shape.width(0, "attn.resid_delta") for model in (dense, sparse)]
    bridges = Bridges(4, *sizes, share=1.0, seed=0)
    bridges.weights = dense.fingerprint.weights, sparse.fingerprint.weights
    return Steering(dense, sparse, bridges)


@pytest.fixture
def steering() -> Steering:
    return steering_of(word_model("llama", LLAMA), word_model("weight_sparse", SPARSE))


@torch.no_grad()
@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "olmo2", "weight_sparse"])
def test_between_two_copies_a_channel_is_patched(family):
    """With bridges that do nothing, the one channel is read as on the other prompt."""
    model = word_model(family, SPARSE)
    found = steering_of(model, word_model(family, SPARSE))
    for bridge in found.bridges:
        bridge.decoder.weight.copy_(torch.eye(len(bridge.decoder.weight)))
    found = Steering(model, found.sparse, found.bridges)
    tokens, others = (Tokens(torch.arange(start, start + 10).view(2, 5)) for start in (3, 30))
    for place in range(4):
        tap = model.tap(place // 2, ("attn.act_in", "mlp.act_in")[place % 2])
        seen: list[torch.Tensor] = []
        with attached([(tap, seen.append)]):
            model.logits(others)

        def patched(whole: torch.Tensor, there: torch.Tensor = seen[0]) -> torch.Tensor:
            new = whole.clone()
            new[..., 1] = there[..., 1]
            return new

        with attached([(tap, patched)]):
            wanted = model.logits(tokens)
        difference = found.differences(tokens, others)[place]
        with found.steered(place, found.change([Channel(place, 1)], difference[..., [1]])):
            assert gap(model.logits(tokens), wanted) <= 1e-5
        everything = found.change(found.channels(place), difference)
        stream = everything.shape[-1]  # behind it there may be channels of positions

        def replaced(
            whole: torch.Tensor, there: torch.Tensor = seen[0], to: int = stream
        ) -> torch.Tensor:
            return torch.cat([there[..., :to], whole[..., to:]], dim=-1)

        with attached([(tap, replaced)]):
            wanted = model.logits(tokens)
        with found.steered(place, everything):
            assert gap(model.logits(tokens), wanted) <= 1e-5


def test_effects_are_what_a_small_strength_does(steering: Steering):
    found = effects(steering, TASK.test, size=4)
    step = 1e-3
    for channel in (Channel(0, 1), Channel(1, 2), Channel(2, 3), Channel(3, 4)):
        up, down = steering.answers(TASK.test, [channel], (step, -step))
        odds = [(some.other.log() - some.own.log()).mean() for some in (up, down)]
        slope = (odds[0] - odds[1]) / (2 * step)
        assert found[channel.place][channel.index].item() == pytest.approx(slope.item(), rel=2e-2)


@torch.no_grad()
def test_no_strength_changes_nothing(steering: Steering):
    ((channel,),) = largest(effects(steering, TASK.test), 1)
    none, full = steering.answers(TASK.test, [channel], (0.0, 1.0), size=4)
    for row, item in enumerate(TASK.test.encoded):
        logits = steering.dense.logits(Tokens(torch.tensor([item.prompt])), keep=1)
        chances = logits[0, -1].softmax(dim=-1)
        assert none.own[row].item() == pytest.approx(chances[item.answers[0][0]].item(), abs=1e-6)
        other = chances[item.counterfactual_answer[0]].item()
        assert none.other[row].item() == pytest.approx(other, abs=1e-6)
        part = other / (other + none.own[row].item())
        assert none.between[row].item() == pytest.approx(part, abs=1e-6)
    assert gap(none.other, full.other) > 1e-4


def test_the_counterfactual_prompts_themselves(steering: Steering):
    (found,) = steering.answers(TASK.test, [], (1.0,))
    item = TASK.test.encoded[0]
    logits = steering.dense.logits(Tokens(torch.tensor([item.counterfactual])), keep=1)
    wanted = logits[0, -1].softmax(dim=-1)[item.counterfactual_answer[0]].item()
    assert found.other[0].item() == pytest.approx(wanted, abs=1e-6)


def test_the_channel_is_the_one_that_moves_most(steering: Steering):
    sizes = effects(steering, TASK.train)
    some = largest(sizes, 5)
    assert [sizes[c.place][c.index] for (c,) in some] == sorted(
        (size for row in sizes for size in row), reverse=True
    )[:5]
    chosen, moves = most_moving(steering, TASK.train, some)
    assert moves[some.index(chosen)] == max(moves)
    others = controls(sizes, chosen, 4, seed=1)
    assert len({other for (other,) in others}) == 4 and chosen not in others
    assert {other.place for (other,) in others} == {chosen[0].place}
    assert all(sizes[other.place][other.index] != 0 for (other,) in others)


def test_channels_that_are_tried_together():
    sizes = [torch.tensor([0.0, 3.0, 1.0, -2.0]), torch.tensor([2.0, 0.5])]
    # the third of all would start the first set again
    assert largest(sizes, 3, together=2) == [
        [Channel(0, 1), Channel(0, 2)],
        [Channel(1, 0), Channel(1, 1)],
    ]
    assert [len(some) for some in largest(sizes, 2, together=9)] == [4, 2]


def test_random_channels_are_disjoint_sets_of_the_place_then_of_others():
    sizes = [torch.tensor([1.0, 0.0, 1.0]), torch.arange(1.0, 8.0)]
    chosen = [Channel(1, 0), Channel(1, 1)]
    sets = controls(sizes, chosen, 9)
    assert [{some.place for some in own} for own in sets] == [{1}, {1}, {0}]
    drawn = [some for own in sets for some in own]
    assert len(set(drawn)) == 6 and not set(drawn) & {*chosen, Channel(0, 1)}
    assert controls(sizes, chosen, 1) == sets[:1] != controls(sizes, chosen, 1, seed=1)


def test_names():
    some = [Channel(0, 5), Channel(3, 7)]
    assert [label_of([one]) for one in some] == ["0.attn.act_in.5", "1.mlp.act_in.7"]
    assert label_of(some) == "0.attn.act_in.5 and 1 more"


def test_what_cannot_be_steered(steering: Steering):
    with pytest.raises(TaskError, match="answers of one token"):
        steering.answers(word_task(answer_words=2).test, [], (1.0,))
    with pytest.raises(TaskError, match="must be of one place"):
        steering.answers(TASK.test, [Channel(0, 0), Channel(1, 0)], (1.0,))
    with pytest.raises(TaskError, match="tells the two prompts"):
        largest([torch.zeros(3)], 2)
    with pytest.raises(ModelError, match="other weights"):
        Steering(steering.sparse, steering.dense, steering.bridges)


def test_the_models_are_left_as_they_were(steering: Steering):
    steering.answers(TASK.test, [Channel(0, 0)], (0.5,))
    for model in (steering.dense, steering.sparse):
        assert all(p.requires_grad for p in model.hf.parameters())
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.hf.modules())
