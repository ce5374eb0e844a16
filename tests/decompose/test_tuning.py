"""Training coefficients of directions and nothing else."""

import pytest
import torch

from tapeout.checkpoint import train
from tapeout.decompose import (
    Directions,
    ExplicitGradients,
    SpanTuning,
    decompose,
    moved,
    strongest,
    tune_in_span,
)
from tapeout.decompose._tuning import SpanTuner
from tapeout.decompose.toys import circuits, toy
from tapeout.errors import DecomposeError, RunError
from tapeout.reshape import merge_scales
from tapeout.tasks import Loss

from ..tiny import Sizes, tiny
from ..words import learnable, word_model, word_task
from .lm import decomposition_of, directions_of

QUICK = SpanTuning(steps=8, batch_size=6, learning_rate=0.02, save_every=3)


@pytest.fixture(scope="module")
def words():
    model = word_model(sizes=Sizes(layers=2))
    return model, learnable(word_task(n=10), model), word_task(n=10)


def mean_loss(model, split) -> float:
    losses = []
    with torch.no_grad():
        for batch in split.batches(64):
            logits = model.logits(batch.tokens, keep=batch.answer_length)
            losses.append(Loss(model, "task").of(logits, batch).mean())
    return float(torch.stack(losses).mean())


def test_a_task_is_learned_in_the_span_and_the_base_stays(words):
    model, _, task = words
    weights = model.fingerprint.weights
    directions = directions_of(model, 40, seed=1)
    found = tune_in_span(model, directions, task.train, steps=40, learning_rate=0.01)
    assert model.fingerprint.weights == weights
    better = found.change.applied(model)
    assert mean_loss(better, task.train) < mean_loss(model, task.train) - 0.3
    assert found.curve[0]["moved"] == 0 and 0 < found.curve[-1]["moved"] < 1
    again = moved(model, directions, found.amounts)
    for name, p in again.hf.named_parameters():
        torch.testing.assert_close(p, better.hf.get_parameter(name), rtol=1e-4, atol=1e-5)
    assert found.origin["split"] == "words/train" and found.change.origin == found.origin


def test_what_is_not_chosen_does_not_move(words):
    model, _, task = words
    directions = directions_of(model, 5)
    found = tune_in_span(model, directions, task.train, chosen=[3, 1], config=QUICK)
    assert list(found.amounts) == [3, 1] and all(found.amounts.values())
    step = dict(found.change.dense())["model.layers.0.mlp.up_proj.weight"].flatten()
    dense = directions.dense()["model.layers.0.mlp.up_proj.weight"].flatten(1)
    expected = sum(amount * dense[place] for place, amount in found.amounts.items())
    torch.testing.assert_close(step, expected)
    alive = tune_in_span(model, decomposition_of(model, directions, dead=3), task.train, steps=1)
    assert list(alive.amounts) == [3, 4]


def test_scales_of_the_change_can_be_chosen(words):
    model, task, _ = words
    found = tune_in_span(model, directions_of(model, 3), task.train, config=QUICK)
    sweep = merge_scales(model, found.change, task, target=0.1, scales=(0.5, 1.0))
    assert [point.scale for point in sweep.points] == [0.5, 1.0]


def test_any_loss_trains_any_module():
    """A feature of a toy is turned off by its own direction, and left alone by another's."""
    known = toy("tms", steps=400, starts=2)
    own = Directions.from_dense(circuits(known), 1).normalised()
    inputs = known.inputs(300, seed=1)
    before = known.model(inputs).detach()

    def off(module, step):
        return module(inputs)[:, 2].square().mean()

    left = {}
    for chosen in (2, 0):
        found = tune_in_span(known.model, own, off, chosen=[chosen], steps=150, learning_rate=0.02)
        after = moved(known.model, own, found.amounts)(inputs).detach()
        left[chosen] = float(after[:, 2].abs().sum() / before[:, 2].abs().sum())
        with pytest.raises(DecomposeError, match="changes are of language models"):
            assert found.change
    assert left[2] < 0.1 and left[0] > 0.5


def test_a_killed_training_goes_on_as_it_would_have(words, tmp_path):
    model, _, task = words
    directions = directions_of(model, 4)
    path = tmp_path / "training.safetensors"
    whole = tune_in_span(model, directions, task.train, config=QUICK)

    def kill(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_in_span(model, directions, task.train, config=QUICK, checkpoint=path, progress=kill)
    seen = []
    rest = tune_in_span(
        model,
        directions,
        task.train,
        config=QUICK,
        checkpoint=path,
        progress=lambda done, _: seen.append(done),
    )
    assert seen == [4, 5, 6, 7, 8]
    assert rest.amounts == whole.amounts and rest.curve == whole.curve
    with pytest.raises(RunError, match="another training"):
        tune_in_span(
            model, directions, task.train, chosen=[3, 2, 1, 0], config=QUICK, checkpoint=path
        )


def test_directions_that_a_task_uses_come_first():
    values = torch.zeros(6, 3, 2)
    values[:, 0, 0], values[:, 1, 1] = 1.0, 3.0
    found = decompose(ExplicitGradients({"w": values + 0.01 * torch.randn(6, 3, 2)}), count=2,
                      steps=5, initial="samples", batch_size=4, active=1.0)  # fmt: skip
    order = strongest(found, ExplicitGradients({"w": values}), 2)
    coefficients = found.coefficients(ExplicitGradients({"w": values}), active=1.0).abs().mean(0)
    assert list(order.values()) == sorted(coefficients.tolist(), reverse=True)
    assert list(strongest(found, ExplicitGradients({"w": values}), 1)) == list(order)[:1]
    with pytest.raises(DecomposeError, match="2 directions alive to choose 3 of"):
        strongest(found, ExplicitGradients({"w": values}), 3)


def test_what_makes_no_sense_is_refused(words):
    model, _, task = words
    directions = directions_of(model, 3)
    with pytest.raises(DecomposeError, match="no direction is chosen"):
        tune_in_span(model, directions, task.train, chosen=[])
    with pytest.raises(DecomposeError, match="other weights"):
        tune_in_span(
            tiny("llama", Sizes(layers=2, seed=3)), decomposition_of(model, directions), task.train
        )
    with pytest.raises(DecomposeError, match="directions of another model"):
        tune_in_span(tiny("llama", Sizes(layers=2, d_mlp=16)), directions, task.train)
    with pytest.raises(DecomposeError, match="a split trains a language model"):
        tune_in_span(model.hf, directions, task.train)
    with pytest.raises(DecomposeError, match=r"no objective 'taks'.*task"):
        SpanTuning(objective="taks")
    with pytest.raises(DecomposeError, match="steps must be at least 1"):
        SpanTuning(steps=0)
    with pytest.raises(DecomposeError, match="learning_rate must be above 0"):
        SpanTuning(learning_rate=0.0)
    with pytest.raises(DecomposeError, match="loss is nan at step 0"):
        tune_in_span(model, directions, lambda m, step: torch.tensor(float("nan")))
    with pytest.raises(DecomposeError, match="does not depend on the directions"):
        tune_in_span(model, directions, lambda m, step: torch.tensor(1.0))


def test_a_slope_that_is_not_finite_is_said(words):
    model, _, _ = words

    def edge(moved_model, step):
        weight = next(iter(moved_model.hf.parameters())).sum() * 0
        return (tuner.span.coefficients[1].sqrt() + weight).sum()

    tuner = SpanTuner(model, directions_of(model, 3), edge, None, QUICK)
    with pytest.raises(DecomposeError, match="along direction 1 is not finite at step 0"):
        train(tuner, 1, checkpoint=None, save_every=1, progress=None)
