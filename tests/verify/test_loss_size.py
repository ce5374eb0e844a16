import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import EdgeScores, Scores, Universe
from tapeout.errors import TaskError
from tapeout.interventions import Counterfactual, edges_of, means_over, replacement_of
from tapeout.tasks import LOG_LIKELIHOOD
from tapeout.verify import calibrate, evaluate, smallest_at_loss, with_and_without
from tapeout.verify._loss_size import _smallest
from tapeout.verify._losses import bounded_loss

from ..tiny import Sizes
from ..words import learnable, word_model, word_task

SPEC = "mlp.post_act"
SIZES = Sizes(layers=2, d_mlp=5)


@pytest.fixture(scope="module", params=["llama", "gpt2", "gemma2"])
def case(request):
    model = word_model(request.param, SIZES)
    task = learnable(word_task(n=6), model)
    universe = Universe.of(model.shape, SPEC)
    draw = torch.rand(universe.size, generator=torch.Generator().manual_seed(3))
    return model, task, Scores(universe, draw)


def by_hand(model, scores, split, objective, fill):
    """The loss of every k."""
    losses, fill = [], replacement_of(fill)
    for k in range(scores.universe.size + 1):
        metrics = [LOG_LIKELIHOOD]
        found = evaluate(model, split, scores.top(k), fill, metrics=metrics, kl=True)
        mean = found.kl.mean() if objective == "kl" else -found.metrics["log_likelihood"].mean()
        losses.append(float(mean))
    return losses


def rests(losses, bar):
    """The smallest k from which every larger one passes, if pass and fail part there."""
    passing = [loss <= bar for loss in losses]
    first = passing.index(True)
    return first if all(passing[first:]) else None


@pytest.mark.parametrize(
    ("objective", "kind"), [("kl", "zero"), ("kl", "counterfactual"), ("task", "mean")]
)
def test_it_is_the_smallest_of_all_k(case, objective, kind):
    model, task, scores = case
    fill = means_over(model, task.reference, SPEC) if kind == "mean" else kind
    losses = by_hand(model, scores, task.validation, objective, fill)
    tried = 0
    for bar in [*sorted(losses)[1::3], max(losses)]:
        bar += 1e-5
        if losses[-1] > bar or (wanted := rests(losses, bar)) is None:
            continue
        tried += 1
        options = {"objective": objective, "target": bar, "shares": (0.3, 0.7)}
        found = smallest_at_loss(model, scores, task.validation, fill, **options)
        assert found.k == wanted
        assert found.loss.value == pytest.approx(losses[wanted], abs=1e-5)
        assert found.loss.value <= bar and found.loss.low <= found.loss.value <= found.loss.high
        assert torch.equal(found.circuit.kept, scores.top(wanted).kept)
        assert found.evaluations < len(losses)
    assert tried >= (2 if objective == "kl" else 1)  # a part of a task may do it better


def test_a_lucky_small_circuit_does_not_count(case):
    """With every k on the grid, it is the smallest from which no larger one fails."""
    model, task, scores = case
    n = scores.universe.size
    losses = by_hand(model, scores, task.validation, "kl", "zero")
    for bar in sorted(losses)[1::5]:
        bar += 1e-5
        wanted = max([k + 1 for k in range(n + 1) if losses[k] > bar], default=0)
        options = {"objective": "kl", "target": bar, "shares": [k / n for k in range(n)]}
        assert smallest_at_loss(model, scores, task.validation, "zero", **options).k == wanted


def test_what_lies_above_the_start_is_not_looked_at(case):
    model, task, scores = case
    losses = by_hand(model, scores, task.validation, "kl", "zero")
    bar = sorted(losses)[len(losses) // 2]
    options = {"objective": "kl", "target": bar + 1e-5}
    start = losses.index(bar)
    found = smallest_at_loss(model, scores, task.validation, "zero", start=start, **options)
    assert max(found.curve) == start >= found.k and found.loss.value <= found.bar
    worse = losses.index(max(losses))
    from_all = smallest_at_loss(model, scores, task.validation, "zero", **options)
    from_worse = smallest_at_loss(model, scores, task.validation, "zero", start=worse, **options)
    assert from_worse.k == from_all.k


def test_from_a_set_that_fails_the_next_larger_ones_are_tried(case):
    model, task, scores = case
    losses = by_hand(model, scores, task.validation, "kl", "zero")
    steps = [
        (start, 2**power)
        for start in range(1, len(losses))
        for power in range(8)
        if 2**power <= start and start + 2**power < len(losses) - 1
    ]
    tried = 0
    for start, step in steps:
        bar = losses[start + step] + 1e-5
        before = [losses[start], *(losses[start + 2**p] for p in range(8) if 2**p < step)]
        if min(before) <= bar + 1e-4:
            continue
        options = {"objective": "kl", "target": bar, "start": start}
        found = smallest_at_loss(model, scores, task.validation, "zero", **options)
        assert max(found.curve) == start + step and start < found.k <= start + step
        assert found.loss.value <= bar
        tried += step > 1
    assert tried > 2


def test_losses_may_be_calibrated_first(case):
    """What counts is then the loss after scale and shift, fitted to other examples."""
    model, task, scores = case
    options: dict = {"objective": "task", "shares": (0.5,), "precision": 1.0}
    fitted = smallest_at_loss(
        model, scores, task.validation, "zero", target=99.0, calibrated_on=task.train, **options
    )
    assert fitted.calibrated_on == task.train.name
    for k, loss in fitted.curve.items():
        own = calibrate(model, scores.top(k), task.train, "zero", objective="task")
        both = with_and_without(model, scores.top(k), task.validation, own, "zero").loss
        assert loss.value == pytest.approx(both[1].value, abs=1e-5)
        assert k == scores.universe.size or both[0].value != pytest.approx(both[1].value)
    assert len(fitted.curve) >= 2


@given(threshold=st.integers(0, 50), grid=st.sets(st.integers(0, 50)))
def test_bisection_finds_every_threshold(threshold, grid):
    asked = []
    passes = lambda k: asked.append(k) or k >= threshold  # noqa: E731
    assert _smallest(sorted(grid | {0, 50}), passes) == threshold
    assert len(asked) <= len(grid | {0, 50}) + 6


@given(passing=st.lists(st.booleans(), min_size=1, max_size=30), data=st.data())
def test_bisection_stands_on_what_it_measured(passing, data):
    last = len(passing) - 1
    grid = sorted(data.draw(st.sets(st.integers(0, last))) | {0, last})
    asked = {}
    found = _smallest(grid, lambda k: asked.setdefault(k, passing[k]))
    if found is None:
        assert not passing[-1]
        return
    assert all(ok for k, ok in asked.items() if k >= found)
    assert found == 0 or asked[found - 1] is False
    assert all(k in asked for k in grid if k >= found)


def test_all_nodes_have_no_kl(case):
    model, task, scores = case
    found = smallest_at_loss(model, scores, task.validation, "zero", objective="kl", target=1e-5)
    assert abs(found.curve[scores.universe.size].value) <= 1e-5
    assert found.k > 0


def test_a_target_may_be_relative(case):
    model, task, scores = case
    options = {"objective": "kl", "shares": (0.5,)}
    run = lambda **more: smallest_at_loss(model, scores, task.test, "zero", **options, **more)  # noqa: E731
    half = run(target=0.5, relative_to="empty")
    empty = float(evaluate(model, task.test, scores.top(0), kl=True).kl.mean())
    assert half.bar == pytest.approx(0.5 * empty, rel=1e-4)
    assert half.k == run(target=half.bar).k == run(target=0.25, relative_to=4 * half.bar).k
    options["objective"] = "task"
    worse = run(target=1.5, relative_to="full")
    full = evaluate(model, task.test, metrics=[LOG_LIKELIHOOD]).average("log_likelihood")
    assert worse.bar == pytest.approx(-1.5 * full.value, rel=1e-4)
    assert worse.loss.value <= worse.bar


def test_what_cannot_be_reached_is_told(case):
    model, task, scores = case
    run = lambda **more: smallest_at_loss(model, scores, task.test, "zero", **more)  # noqa: E731
    with pytest.raises(TaskError, match="raise the target"):
        run(objective="task", target=1e-3)
    with pytest.raises(TaskError, match="0 nats or more"):
        run(target=-0.1)
    with pytest.raises(TaskError, match="relative to one above 0"):
        run(objective="kl", target=0.1, relative_to="full")
    with pytest.raises(TaskError, match="did you mean 'candidates'"):
        bounded_loss(model, "candidate")
    several = learnable(word_task(answer_words=2), model)
    with pytest.raises(TaskError, match="use the objective task"):
        smallest_at_loss(model, scores, several.test, "zero", objective="candidates")


def test_it_goes_on_from_known_losses(case):
    model, task, scores = case
    options = {"objective": "kl", "target": 0.5, "relative_to": "empty"}
    whole = smallest_at_loss(model, scores, task.validation, **options)
    kept = dict(list(whole.curve.items())[:3])
    fresh = []
    again = smallest_at_loss(
        model, scores, task.validation, **options, known=kept, found=lambda k, _: fresh.append(k)
    )
    assert again.to_dict() == whole.to_dict()
    assert sorted(fresh + list(kept)) == sorted(whole.curve)
    data = whole.to_dict()
    assert (data["n"], data["split"]) == (len(task.validation), "words/validation")
    assert data["evaluations"] == len(data["curve"]) == whole.evaluations


def test_edges_have_losses_too():
    model = word_model(sizes=SIZES)
    task = learnable(word_task(), model)
    universe = edges_of(model)
    scores = EdgeScores(universe, torch.rand(universe.size))
    options = {"objective": "kl", "target": 0.5, "relative_to": "empty", "shares": (0.3, 0.6)}
    found = smallest_at_loss(model, scores, task.validation, **options)
    alone = evaluate(model, task.validation, found.circuit, Counterfactual(), kl=True)
    assert float(alone.kl.mean()) == pytest.approx(found.loss.value, abs=1e-5)
    assert found.loss.value <= found.bar < found.curve[found.k - 1].value
