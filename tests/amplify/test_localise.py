"""Which components promote desired tokens: the gradient, the counts, the choice, the evidence."""

from dataclasses import replace

import pytest
import torch

from tapeout.amplify import Localising, choose, counts, differences, localise, pair_split
from tapeout.amplify._localising import COMPONENTS
from tapeout.circuits import Circuit, Universe
from tapeout.errors import AmplifyError, TaskError
from tapeout.find.masks import learn_mask
from tapeout.interventions import Pasts, Scale, restrict
from tapeout.models import Fingerprint, Tokens

from ..tiny import ALL_FAMILIES, gap, random_tokens, tiny
from .pairs import PLANTED, PREFIX, pair_set, planted_model, random_set, record

QUICK = Localising(
    penalties=(0.05, 0.005), share=0.5, learning_rate=0.05, epochs=12, validation=0.2, test=0.3
)


@pytest.fixture(scope="module")
def model():
    return planted_model()


@pytest.fixture(scope="module")
def pairs(model):
    return random_set(model, 60)


@pytest.fixture(scope="module")
def found(model, pairs):
    return localise(model, pairs, config=QUICK)


@pytest.mark.parametrize("objective", ["difference", "bounded"])
@pytest.mark.parametrize("positions", ["last", "all"])
def test_the_gradient_is_of_each_examples_own_pair(model, objective, positions):
    """Two pairs that are each other's opposite: mixed up, they would cancel out."""
    records = [record([5, 6], 11, 12), record([7, 9], 12, 11)]
    split = pair_split(pair_set(model, records), model)
    assert len(list(split.batches(8))) == 1
    settings = Localising(objective=objective, positions=positions, first=0.5, epochs=1)
    config = replace(settings.mask(1e-12, 1), steps=1)
    one_step = learn_mask(model, split, COMPONENTS, config=config).scores.values
    universe = Universe.of(model.shape, COMPONENTS)
    gates = torch.full((universe.size,), 0.5, requires_grad=True)
    loss = torch.zeros(())
    for own in records:  # one by one, so nothing can mix
        tokens = Tokens(torch.tensor([[*PREFIX, *own.tokens]]))
        scale = Scale(factor=2.0, positions=positions)
        with restrict(model, universe.expand(gates), scale):
            logits = model.logits(tokens, keep=1)[0, 0]
        rise = logits[own.desired] - logits[own.undesired]
        loss = loss - (rise if objective == "difference" else rise.sigmoid().log()) / 2
    loss.backward()
    assert gates.grad is not None
    clear = gates.grad.abs() > 1e-5
    assert clear.sum() > universe.size / 2
    # Adam's first step is the learning rate against the gradient's sign
    expected = -config.learning_rate * gates.grad.sign()
    assert (one_step - expected)[clear].abs().max() <= 1e-5


def test_the_penalty_is_the_sum_over_all_components(model):
    """At the least penalty that outweighs the pair's own gradient every gate falls."""
    split = pair_split(pair_set(model, [record([5, 6])]), model)
    curves = []
    for penalty in (1e-9, 1e-2):
        config = replace(Localising(first=1.0).mask(penalty, 1), steps=1)
        curves.append(learn_mask(model, split, COMPONENTS, config=config).curve[0])
    rise = curves[1]["loss"] - curves[1]["objective"]
    assert rise == pytest.approx(1e-2 * Universe.of(model.shape, COMPONENTS).size, rel=1e-4)
    assert curves[0]["objective"] == pytest.approx(curves[1]["objective"], abs=1e-5)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_gates_of_0_leave_the_model_as_it_is(family):
    model = tiny(family)
    tokens = random_tokens(2, 6)
    universe = Universe.of(model.shape, COMPONENTS)
    plain = model.logits(tokens, keep=1)
    for positions in ("last", "all"):
        scale = Scale(factor=2.0, positions=positions)
        closed = torch.zeros(universe.size, requires_grad=True)
        with restrict(model, universe.expand(closed), scale):
            assert torch.equal(plain, model.logits(tokens, keep=1))
        with restrict(model, Circuit.empty(universe), scale):
            assert torch.equal(plain, model.logits(tokens, keep=1))
        with restrict(model, Circuit.full(universe), scale):
            assert gap(plain, model.logits(tokens, keep=1)) > 1e-3


def test_kinds_are_counted_under_grouped_attention(model):
    universe = Universe.of(model.shape, COMPONENTS)
    names = ["0.attn.q.head5", "1.attn.q.head0", "1.attn.k.head1", "0.mlp.post_act.3"]
    assert counts(Circuit.of(universe, names)) == {
        "q_heads": 2,
        "k_heads": 1,
        "v_heads": 0,
        "mlp_neurons": 1,
        "kept": 4,
        "components": 2 * (6 + 2 + 2 + 12),
        "share": 4 / 44,
    }


def test_a_mask_beats_random_ones_on_pairs_it_has_not_seen(model, pairs, found):
    evidence = found.evidence
    assert evidence.rise.low > 0 and evidence.over_random.low > 0
    assert set(PLANTED) <= set(found.circuit.nodes())
    assert found.circuit.share <= QUICK.share
    assert evidence.split.endswith("(test)") and evidence.n == found.pairs["test"]
    assert len(evidence.draws) == QUICK.draws
    assert sum(kind.n for kind in evidence.by_greedy.values()) == evidence.n
    assert sum(found.pairs.values()) == len(pairs)
    assert found.circuit.origin["amplified"] == {"factor": 2.0, "positions": "last"}
    row = found.to_dict()
    assert row["share"] == found.circuit.share and len(row["tried"]) == 2
    best = max(found.tried, key=lambda one: one.rise.value)
    assert best.penalty == found.penalty


@pytest.mark.parametrize("positions", ["last", "all_but_first", "all"])
def test_steps_of_one_token_find_what_whole_forwards_find(model, pairs, positions, monkeypatch):
    config = replace(QUICK, penalties=(0.01,), epochs=4, positions=positions, share=1.0)
    quick = localise(model, pairs, config=config)
    unkept = localise(model, pairs, config=replace(config, cache_bytes=0))
    monkeypatch.setattr(Pasts, "of", lambda *_: None)
    whole = localise(model, pairs, config=config)
    for other in (unkept, whole):
        scores = [one.tried[0].mask.scores.values for one in (quick, other)]
        assert gap(*scores) <= 1e-3
        assert other.evidence.rise.value == pytest.approx(quick.evidence.rise.value, abs=1e-4)


def test_differences_are_in_the_splits_order(model, pairs):
    split = pair_split(pairs, model).take(9)
    empty = Circuit.empty(Universe.of(model.shape, COMPONENTS))
    together = differences(model, split, empty, Scale(factor=2.0), batch_size=4)
    for row, own in enumerate(split.records):
        tokens = Tokens(torch.tensor([[*PREFIX, *own.tokens]]))
        logits = model.logits(tokens, keep=1)[0, 0].detach()
        assert float(logits[7] - logits[8]) == pytest.approx(float(together[row]), abs=1e-5)


def test_an_interrupted_sweep_goes_on_as_if_nothing_had_happened(model, pairs, found, tmp_path):
    class Killed(Exception):
        pass

    seen = []

    def stop(done, total):
        seen.append((done, total))
        if done > 0.6 * total:
            raise Killed

    with pytest.raises(Killed):
        localise(model, pairs, config=QUICK, folder=tmp_path, progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "mask-0.005.safetensors",
        "mask-0.05.safetensors",
    ]
    again = localise(model, pairs, config=QUICK, folder=tmp_path)
    assert again.to_dict() == found.to_dict()
    assert again.circuit == found.circuit


def test_what_cannot_be_localised_is_told(model, pairs, found):
    foreign = replace(pairs, model=Fingerprint("another", "abc"))
    with pytest.raises(AmplifyError, match="weights are not those"):
        localise(model, foreign, config=QUICK)
    with pytest.raises(AmplifyError, match="Raise the penalties"):
        choose(found.tried, 1e-9)
    empty = Circuit.empty(found.circuit.universe)
    nothing = tuple(replace(one, mask=replace(one.mask, circuit=empty)) for one in found.tried)
    with pytest.raises(AmplifyError, match="Lower the penalties"):
        choose(nothing, 0.5)
    for wrong in ({"penalties": ()}, {"penalties": (0.1, 0.1)}, {"share": 0.0}, {"epochs": 0}):
        with pytest.raises(AmplifyError):
            replace(QUICK, **wrong)


def test_a_loss_that_is_no_number_is_told(pairs):
    broken = planted_model()
    with torch.no_grad():
        broken.hf.model.norm.weight[0] = float("nan")
    with pytest.raises(TaskError, match="check the model for NaN"):
        localise(broken, pairs, config=QUICK, transfer=True)
