from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit, Universe
from tapeout.errors import TaskError
from tapeout.interventions import edges_of, means_over
from tapeout.tasks import LOGIT_DIFFERENCE
from tapeout.verify import Calibrating, calibrate, evaluate, with_and_without
from tapeout.verify._fit import Fit
from tapeout.verify._losses import bounded_loss
from tapeout.verify._shift import shifted

from ..tiny import Sizes, random_circuit
from ..words import learnable, word_model, word_task

SPEC = "attn.z:head, mlp.post_act"
SIZES = Sizes(layers=2, d_mlp=6)
FAMILIES = ["llama", "gpt2", "gpt_neox"]


def half_right(model, n=12):
    """A task that a model gets half right, so that the best scale is finite."""
    task = learnable(word_task(n=n), model)
    rows = list(task.train.examples)
    for place in range(0, n, 2):
        example = rows[place]
        rows[place] = replace(example, answers=example.foils, foils=example.answers)
    return replace(task, train=replace(task.train, examples=rows))


def two_sided(task, sides=("w8", "w9")):
    """The same prompts with two answers in turn, each the other's foil."""
    splits = {}
    for name in ("train", "validation", "test", "reference"):
        split = getattr(task, name)
        rows = [
            replace(e, answers=(f" {sides[i % 2]}",), foils=(f" {sides[1 - i % 2]}",))
            for i, e in enumerate(split.examples)
        ]
        splits[name] = replace(split, examples=rows)
    return replace(task, **splits)


@pytest.fixture(scope="module", params=FAMILIES)
def case(request):
    model = word_model(request.param, SIZES)
    return model, two_sided(half_right(model))


@given(scale=st.floats(0.2, 5), shift=st.floats(-2, 2))
def test_a_known_scale_and_shift_are_undone(scale, shift):
    model = word_model(sizes=SIZES)
    task = word_task(n=6)
    tokens = (7, 8, 9)
    fit = Fit(bounded_loss(model, "kl"), tokens)
    with torch.no_grad():
        for batch in task.train.batches(4):
            logits = model.logits(batch.tokens, keep=batch.answer_length)
            logits[..., list(tokens)] -= shift
            fit.add(logits / scale, batch)
    found = fit.run(16)
    assert found == pytest.approx((scale, shift), abs=0.02)
    assert fit.average(*found).value <= 1e-4


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("factor", [0.4, 3.0])
def test_a_head_of_another_temperature_is_scaled_back(family, factor):
    model, hot = word_model(family, SIZES), word_model(family, SIZES)
    with torch.no_grad():
        hot.hf.get_output_embeddings().weight.mul_(factor)
    split = half_right(model).train
    plain, scaled = (calibrate(m, None, split, objective="task", steps=32) for m in (model, hot))
    assert not plain.identity
    assert scaled.scale * factor == pytest.approx(plain.scale, rel=0.02)
    assert scaled.after.value == pytest.approx(plain.after.value, abs=1e-4)


@given(seed=st.integers(0, 99), objective=st.sampled_from(["kl", "task", "candidates"]))
def test_it_never_makes_the_fitted_loss_worse(case, seed, objective):
    model, task = case
    circuit = random_circuit(model, SPEC, seed=seed)
    found = calibrate(model, circuit, task.train, "zero", objective=objective)
    assert found.after.value <= found.before.value
    assert found.identity == (found.after.value == found.before.value)
    assert found.scale > 0
    alone = with_and_without(model, circuit, task.train, found, "zero").loss
    assert alone[0].value == pytest.approx(found.before.value, abs=1e-4)
    assert alone[1].value == pytest.approx(found.after.value, abs=1e-4)


def test_where_nothing_can_be_lowered_it_is_the_identity(case):
    model, task = case
    found = calibrate(model, None, task.train, objective="kl")
    assert found.identity and (found.scale, found.shift) == (1, 0)
    logits = torch.randn(3, 1, 61)
    assert torch.equal(found.apply(logits), logits)
    none = calibrate(model, None, task.train, steps=0)
    assert none.identity


def test_with_and_without_are_both_there(case):
    model, task = case
    universe = Universe.of(model.shape, SPEC)
    means = means_over(model, task.reference, SPEC)
    kept = torch.rand(universe.size) < 0.7
    circuit = Circuit(universe, kept, means=means.values)
    calibration = calibrate(model, circuit, task.train, objective="candidates")
    metrics = [LOGIT_DIFFERENCE]
    found = with_and_without(model, circuit, task.test, calibration, metrics=metrics)
    plain = evaluate(model, task.test, circuit, means, metrics=metrics)
    assert found.metrics["logit_difference"][0] == plain.average("logit_difference")
    assert found.accuracy[0] == plain.accuracy
    assert found.metrics["logit_difference"][1] != found.metrics["logit_difference"][0]
    data = found.to_dict()
    assert (data["split"], data["fit"]["split"]) == ("words/test", "words/train")
    for numbers in (data["loss"], data["accuracy"], *data["metrics"].values()):
        assert set(numbers) == {"without", "with"}
    assert data["fit"]["steps"] == 16 and data["fit"]["shift_on"] == "side"


def test_a_scale_alone_changes_no_answer(case):
    model, task = case
    circuit = random_circuit(model, SPEC, seed=1)
    config = Calibrating(objective="task", shift=False)
    calibration = calibrate(model, circuit, task.train, "zero", config=config)
    assert calibration.shift == 0 and calibration.shift_on == "nothing"
    assert not calibration.identity
    without, with_ = with_and_without(model, circuit, task.test, calibration, "zero").accuracy
    assert without == with_


def test_two_sides_take_a_shift_and_others_none():
    model = word_model(sizes=SIZES)
    task = learnable(word_task(), model)
    assert shifted([two_sided(task).train, two_sided(task).test], "candidates") == ((9,), "side")
    swapped = two_sided(task, ("w9", "w8"))  # which of the two an example wants plays no part
    assert shifted([swapped.train], "candidates") == ((9,), "side")
    assert shifted([task.train], "candidates") == ((), "nothing")
    assert shifted([two_sided(task).train], "task") == ((9,), "side")
    assert shifted([two_sided(task).train], "kl") == ((8, 9), "candidates")
    everything = {token for e in task.train.encoded for token in (*e.answers[0], *e.foils[0])}
    assert set(shifted([task.train], "kl")[0]) == everything


def test_a_shift_moves_the_lean_towards_one_side():
    """A head that leans to one of two answers, whatever the question, is set upright."""
    model = word_model(sizes=SIZES)
    task = two_sided(learnable(word_task(), model))
    fit = Fit(bounded_loss(model, "candidates"), (9,))
    with torch.no_grad():
        for batch in task.train.batches(4):
            logits = torch.zeros(len(batch), 1, 61)
            logits[..., 9] = 3.0
            fit.add(logits, batch)
    scale, shift = fit.run(16)
    assert 3 * scale + shift == pytest.approx(0, abs=0.02)
    assert fit.average(scale, shift).value == pytest.approx(0.6931, abs=1e-3)


def test_edges_are_calibrated_too():
    from tapeout.circuits import EdgeCircuit

    model = word_model(sizes=SIZES)
    task = half_right(model)
    universe = edges_of(model)
    circuit = EdgeCircuit(universe, torch.rand(universe.size) < 0.7)
    found = calibrate(model, circuit, task.train, "counterfactual", objective="kl")
    assert found.after.value < found.before.value


def test_the_model_is_as_before_and_wrong_questions_are_told(case):
    model, task = case
    weights = {name: p.clone() for name, p in model.hf.named_parameters()}
    calibrate(model, random_circuit(model, SPEC), task.train, "zero")
    for name, p in model.hf.named_parameters():
        assert torch.equal(weights[name], p) and p.grad is None and p.requires_grad
    with pytest.raises(TaskError, match="use the objective task"):
        calibrate(
            model, None, learnable(word_task(answer_words=2), model).train, objective="candidates"
        )
