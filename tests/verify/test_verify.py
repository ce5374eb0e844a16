from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit, Scores, Universe
from tapeout.errors import InterventionError, TaskError
from tapeout.interventions import Counterfactual, Mean, Zero, means_over
from tapeout.tasks import EXACT
from tapeout.verify import (
    Frontier,
    Point,
    Share,
    evaluate,
    faithfulness,
    frontier,
    random_like,
    recovery,
    worth,
)
from tapeout.verify._intervals import Average

from ..tiny import Sizes, gap
from ..words import learnable, word_model, word_task

SPEC = "attn.z:head, mlp.post_act"


@pytest.fixture(scope="module", params=[1, 3])
def case(request):
    model = word_model(sizes=Sizes(layers=2))
    return model, learnable(word_task(answer_words=request.param), model)


def half(model, seed=0):
    universe = Universe.of(model.shape, SPEC)
    draw = torch.rand(universe.size, generator=torch.Generator().manual_seed(seed))
    return Circuit(universe, draw < 0.8)


def replacements(model, task):
    means = means_over(model, task.reference, SPEC)
    return [Zero(), means, Counterfactual(), Zero(positions="all")]


def test_the_full_model_is_right_on_its_own_answers(case):
    model, task = case
    assert evaluate(model, task.test).accuracy.value == 1
    assert evaluate(model, task.test, generate=True).accuracy.value == 1
    everything = Circuit.full(half(model).universe)
    for fill in replacements(model, task):
        assert evaluate(model, task.test, everything, fill).accuracy.value == 1


def test_teacher_forcing_equals_generation(case):
    """The induction that lets one forward stand for both."""
    model, task = case
    for seed in range(3):
        for fill in replacements(model, task):
            circuit = half(model, seed)
            forced = evaluate(model, task.test, circuit, fill, sliced=False)
            written = evaluate(model, task.test, circuit, fill, generate=True)
            assert torch.equal(forced.correct, written.correct)


def test_slices_give_the_numbers_of_hooks(case):
    model, task = case
    metric = task.metric()
    for seed in range(3):
        for fill in (Zero(), means_over(model, task.reference, SPEC), Zero(positions="all")):
            runs = [
                evaluate(
                    model, task.test, half(model, seed), fill, metrics=[metric], kl=True, sliced=s
                )
                for s in (False, True)
            ]
            assert torch.equal(runs[0].correct, runs[1].correct)
            assert gap(runs[0].metrics[metric.name], runs[1].metrics[metric.name]) <= 1e-4
            assert gap(runs[0].kl, runs[1].kl) <= 1e-4


def test_batch_size_does_not_matter(case):
    model, task = case
    for fill in replacements(model, task):
        one = evaluate(model, task.test, half(model), fill, kl=True, batch_size=1)
        many = evaluate(model, task.test, half(model), fill, kl=True, batch_size=64)
        assert torch.equal(one.correct, many.correct)
        assert gap(one.kl, many.kl) <= 1e-5


def test_kl_is_zero_for_the_full_circuit_and_positive_else(case):
    model, task = case
    full = evaluate(model, task.test, Circuit.full(half(model).universe), Zero(), kl=True)
    assert float(full.kl.abs().max()) <= 1e-5
    assert float(evaluate(model, task.test, half(model), Zero(), kl=True).kl.min()) > 0


def test_generated_text_has_no_metrics(case):
    model, task = case
    with pytest.raises(TaskError, match="teacher forcing"):
        evaluate(model, task.test, kl=True, generate=True)


def test_recovery_holds_its_controls_to_the_same_sizes(case):
    model, task = case
    circuit = half(model)
    metrics = list(task.metrics.values())
    proof = recovery(model, circuit, task.test, "counterfactual", metrics=metrics, random_seeds=2)
    assert proof.full.value == 1
    assert len(proof.random) == len(proof.necessity_random) == 2
    empty = evaluate(model, task.test, Circuit.empty(circuit.universe), Counterfactual())
    assert proof.empty == empty.accuracy
    alone = evaluate(model, task.test, circuit, Counterfactual(), metrics=metrics, kl=True)
    assert proof.teacher_forced == proof.autoregressive == alone.accuracy
    assert proof.ar_by == "induction"
    assert proof.necessity == evaluate(model, task.test, ~circuit, Counterfactual()).accuracy
    decoded = recovery(model, circuit, task.test, "counterfactual", random_seeds=0, ar="generate")
    assert (decoded.autoregressive, decoded.ar_by) == (proof.autoregressive, "generation")
    data = proof.to_dict()
    assert data["split"] == "words/test" and data["n"] == len(task.test)


def test_chosen_positions_are_decoded(case):
    model, task = case
    proof = recovery(model, half(model), task.test, Zero(positions="last"), random_seeds=0)
    assert proof.ar_by == "generation"


@given(seed=st.integers(0, 99))
def test_random_circuits_match_per_layer(seed):
    model = word_model()
    circuit = half(model)
    control = random_like(circuit, seed)
    assert [row.kept for row in control.by_layer()] == [row.kept for row in circuit.by_layer()]
    assert control != circuit
    assert control == random_like(circuit, seed)


def test_mean_needs_means(case):
    model, task = case
    with pytest.raises(InterventionError, match="needs means"):
        recovery(model, half(model), task.test, "mean")
    with pytest.raises(InterventionError, match="did you mean 'zero'"):
        recovery(model, half(model), task.test, "zeros")


def test_means_leave_out_padding_and_first_positions(case):
    model, task = case
    means = means_over(model, task.reference, "mlp.post_act", batch_size=7)
    assert means.reference == f"words/reference (n={len(task.reference)})"
    seen = []
    tap = model.tap(1, "mlp.post_act")
    for item in task.reference.encoded:
        from tapeout.models import Tokens

        handle = tap.attach(lambda x: seen.append(tap.select(x)[0, 1:].clone()))
        with torch.no_grad():
            model.logits(Tokens.pad([item.prompt + item.answers[0][:-1]]))
        handle.remove()
    assert gap(means.values[1, "mlp.post_act"], torch.cat(seen).mean(0)) <= 1e-5


def points(*accuracies: int) -> Frontier:
    made = [Point(size=i, share=i / 9, right=a, n=10) for i, a in enumerate(accuracies)]
    return Frontier(
        points=made,
        full=Share(10, 10),
        split="s",
        replacement="zero",
        reference="",
        positions="all",
        criterion="exact",
    )


@pytest.mark.parametrize(
    ("accuracies", "size"),
    [((0, 5, 9, 10), 2), ((0, 9, 5, 9, 10), 3), ((9, 9, 9), 0), ((0, 0, 5), None), ((10,), 0)],
)
def test_smallest_is_the_size_from_which_all_larger_ones_pass(accuracies, size):
    found = points(*accuracies).smallest(0.9)
    assert (found.size if found else None) == size


def test_a_confident_size_is_judged_by_the_interval():
    found = points(0, 6, 8, 9, 10)
    low = [point.accuracy.low for point in found.points]
    sure, likely = found.smallest(0.5, confident=True), found.smallest(0.5)
    assert sure and likely and likely.size < sure.size
    assert sure.size == next(size for size, end in enumerate(low) if end >= 0.5)
    assert found.smallest(0.9, confident=True) is None


def test_frontier_bisects_inside_the_bracket(case):
    model, task = case
    universe = Universe.of(model.shape, SPEC)
    scores = Scores(universe, torch.arange(universe.size, dtype=torch.float32))
    grid = frontier(model, scores, task.validation, "zero", shares=(0.0, 0.5, 1.0), bisections=0)
    assert [p.size for p in grid.points] == [0, universe.size // 2, universe.size]
    fine = frontier(model, scores, task.validation, "zero", shares=(0.0, 0.5, 1.0), bisections=3)
    best, coarse = fine.smallest(0.9), grid.smallest(0.9)
    assert best and coarse and best.size <= coarse.size
    below = max((p.size for p in grid.points if p.size < coarse.size), default=0)
    extra = {p.size for p in fine.points} - {p.size for p in grid.points}
    assert extra and all(below < size < coarse.size for size in extra)


def test_frontier_goes_on_from_known_points(case):
    model, task = case
    universe = Universe.of(model.shape, SPEC)
    scores = Scores(universe, torch.rand(universe.size))
    whole = frontier(model, scores, task.validation, "zero", bisections=2)
    measured = []
    again = frontier(
        model,
        scores,
        task.validation,
        "zero",
        bisections=2,
        known=whole.points[:5],
        found=measured.append,
    )
    assert again == whole
    assert len(measured) == len(whole.points) - 5


def test_cpr_and_cmd_on_a_worked_example(case):
    from tapeout.verify import Faithfulness

    common = {"metric": "m", "definition": "d", "full": 1.0, "empty": 0.0, "absolute": False}
    rest = {"split": "s", "n": 1, "replacement": "zero", "reference": ""}
    curve = Faithfulness(shares=[0.0, 0.5, 1.0], values=[0.0, 1.2, 1.0], **common, **rest)
    assert curve.cpr == pytest.approx(0.5 * 0.6 + 0.5 * 1.1)
    assert curve.cmd == pytest.approx(0.5 * 0.6 + 0.5 * 0.1)


def test_faithfulness_ends_at_one(case):
    model, task = case
    universe = Universe.of(model.shape, SPEC)
    scores = Scores(universe, torch.rand(universe.size))
    found = faithfulness(model, scores, task.validation, task.metric(), shares=(0.0, 0.5, 1.0))
    assert found.values[0] == pytest.approx(0, abs=1e-4)
    assert found.values[-1] == pytest.approx(1, abs=1e-4)


def test_worth_refuses_what_the_model_cannot_do(case):
    model, task = case
    worth(model, task).require()
    hard = word_task(answer_words=len(task.test.encoded[0].answers[0]))
    with pytest.raises(TaskError, match="below 50%"):
        worth(model, hard).require()
    worth(model, hard).require(0.0)


@given(n=st.integers(1, 500), data=st.data())
def test_wilson_interval_holds_the_share(n, data):
    right = data.draw(st.integers(0, n))
    share = Share(right, n)
    assert 0 <= share.low <= share.value <= share.high <= 1


def test_wilson_interval_on_a_textbook_case():
    share = Share(8, 10)
    assert share.low == pytest.approx(0.4901625, abs=1e-6)
    assert share.high == pytest.approx(0.9433178, abs=1e-6)


def test_average():
    average = Average.of([1.0, 2.0, 3.0])
    assert average.value == 2
    assert average.high - average.value == pytest.approx(1.959964 / 3**0.5, abs=1e-5)
    assert Average.of([4.0]).low == 4


def test_means_object_names_its_reference(case):
    model, task = case
    means = means_over(model, task.reference, SPEC)
    proof = recovery(model, half(model), task.test, means, random_seeds=0)
    assert isinstance(means, Mean) and proof.reference == means.reference


def test_a_split_says_what_counts_as_right():
    """The foil is what the model is surest of, or never: accuracy by `above_foil` is 0, or 1."""
    model = word_model(sizes=Sizes(layers=2))
    task = learnable(word_task(), model).counted_by("above_foil")
    split = task.test
    swapped = [replace(e, answers=e.foils, foils=e.answers) for e in split.examples]
    wrong = replace(split, examples=swapped)
    assert evaluate(model, split).accuracy.value == 1
    assert evaluate(model, wrong).accuracy.value == 0
    # another wrong token beside the right one counts by `exact` only
    loose = replace(split, examples=[replace(e, answers=(" w9",), foils=(" w8",)) for e in split])
    above = evaluate(model, loose).accuracy.right
    exact = evaluate(model, replace(loose, criterion=EXACT)).accuracy.right
    assert above > exact
    found = recovery(model, half(model), split, Zero(), random_seeds=0)
    assert found.criterion == worth(model, task).criterion == "above_foil"
    with pytest.raises(TaskError, match="takes logits"):
        recovery(model, half(model), split, Zero(), random_seeds=0, ar="generate")
