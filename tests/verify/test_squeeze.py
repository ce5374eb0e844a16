import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit, Scores, Universe
from tapeout.errors import CircuitError
from tapeout.interventions import Counterfactual, Zero, means_over
from tapeout.verify import Outcome, Squeeze, Squeezing, evaluate, squeeze

from ..tiny import Sizes
from ..words import learnable, word_model, word_task

SPEC = "attn.z:head, mlp.post_act"
MODULE = sys.modules["tapeout.verify._squeeze"]


@pytest.fixture(scope="module")
def case():
    model = word_model(sizes=Sizes(layers=2))
    return model, learnable(word_task(answer_words=2), model)


def scores_of(model, spec=SPEC, seed=0):
    universe = Universe.of(model.shape, spec)
    values = torch.rand(universe.size, generator=torch.Generator().manual_seed(seed))
    return Scores(universe, values, model.fingerprint)


def planted(monkeypatch, needed):
    """Right about everything if and only if all needed nodes are kept."""

    def run(model, split, circuit=None, fill=None, **_):
        good = circuit is None or bool(circuit.kept[needed].all())
        return Outcome(torch.full((len(split),), good))

    monkeypatch.setattr(MODULE, "evaluate", run)


@given(st.integers(0, 10**6), st.integers(0, 6), st.booleans())
def test_the_planted_nodes_are_what_is_left(seed, count, layers):
    model = word_model(sizes=Sizes(layers=3))
    scores = scores_of(model, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    needed = torch.randperm(scores.universe.size, generator=generator)[:count]
    with pytest.MonkeyPatch.context() as patch:
        planted(patch, needed)
        found = squeeze(
            model,
            Circuit.full(scores.universe),
            scores,
            word_task().validation,
            "zero",
            config=Squeezing(layers=layers, evaluations=10**4),
        )
    assert found.reached and found.finished
    assert sorted(found.circuit.kept.nonzero()[:, 0].tolist()) == sorted(needed.tolist())
    kept = {group.layer for group in scores.universe.groups for n in needed.tolist()
            if group.start <= n < group.start + group.count}  # fmt: skip
    assert found.layers == sorted({0, 1, 2} - kept)


@pytest.mark.parametrize("kind", ["zero", "mean", "counterfactual"])
def test_what_comes_out_keeps_the_target(case, kind):
    model, task = case
    means = means_over(model, task.reference, SPEC)
    fill = {"zero": Zero(), "mean": means, "counterfactual": Counterfactual()}[kind]
    for seed in range(2):
        scores = scores_of(model, seed=seed)
        config = Squeezing(target=0.7, evaluations=25)
        start = Circuit.full(scores.universe)
        found = squeeze(model, start, scores, task.validation, fill, config=config)
        again = evaluate(model, task.validation, found.circuit, fill).accuracy
        assert found.reached and found.after == again and again.value >= 0.7 * found.full.value
        assert found.circuit.size < found.start == scores.universe.size
        assert len(found.steps) <= 25 and found.replacement == kind
        data = found.to_dict()
        assert data["size"] == found.circuit.size and data["n"] == len(task.validation)
        assert [step for step in found.steps if step.kept][-1].size == found.circuit.size


def test_a_start_below_the_target_is_left_as_it_is(case):
    model, task = case
    scores = scores_of(model)
    start = Circuit.empty(scores.universe)
    found = squeeze(model, start, scores, task.validation, "zero")
    assert not found.reached and found.circuit == start
    assert found.before == found.after and found.after.value < found.bar
    assert len(found.steps) == 1


def test_a_killed_squeeze_goes_on_to_the_same_end(case, monkeypatch):
    model, task = case
    scores = scores_of(model)
    start = Circuit.full(scores.universe)
    config = Squeezing(target=0.7, evaluations=20)
    steps: list[Squeeze] = []
    whole = squeeze(
        model, start, scores, task.validation, "zero", config=config, found=steps.append
    )
    assert steps == whole.steps
    runs = []

    def counted(*given, **options):
        runs.append(given)
        return evaluate(*given, **options)

    monkeypatch.setattr(MODULE, "evaluate", counted)
    known = {step.circuit: step.right for step in steps[:9]}
    again = squeeze(model, start, scores, task.validation, "zero", config=config, known=known)
    assert again.circuit == whole.circuit and again.steps == whole.steps
    assert again.to_dict() == whole.to_dict()
    assert len(runs) == 1 + len(steps) - 9  # the full model's run is the one more


def test_evaluations_run_out(case):
    model, task = case
    scores = scores_of(model)
    config = Squeezing(target=0.5, evaluations=4)
    found = squeeze(
        model, Circuit.full(scores.universe), scores, task.validation, "zero", config=config
    )
    assert not found.finished and len(found.steps) == 4


def test_what_cannot_be_squeezed(case):
    model, task = case
    scores = scores_of(model, "mlp.post_act")
    circuit = Circuit.full(Universe.of(model.shape, SPEC))
    with pytest.raises(CircuitError, match="cannot be squeezed by scores of"):
        squeeze(model, circuit, scores, task.validation, "zero")
    for wrong in ({"target": 0.0}, {"group": 1.5}, {"evaluations": 0}):
        with pytest.raises(CircuitError):
            replace(Squeezing(), **wrong)
