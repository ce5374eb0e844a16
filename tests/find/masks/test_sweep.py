import json
import sys
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import RecipeError, RunError, TaskError
from tapeout.find.masks import (
    PRESETS,
    SPREAD,
    Heaviside,
    Linear,
    MaskConfig,
    Penalty,
    Sweep,
    SweepConfig,
    Trial,
    _sweep,
    around,
    front,
    sweep_edges,
    sweep_masks,
    values_of,
    with_settings,
)
from tapeout.find.masks._propose import Tried, grid, propose
from tapeout.find.masks._space import Axis, axes_of
from tapeout.interventions import Counterfactual, means_over
from tapeout.tasks import LOG_LIKELIHOOD
from tapeout.verify import evaluate

from ...tiny import Sizes
from ...words import learnable, word_model, word_task

UNIVERSE = "attn.z:head, mlp.post_act"
BASE = MaskConfig(steps=6, batch_size=12, learning_rate=0.5, size=Penalty(weight=1.0), save_every=4)
SPACE = {"weight": (0.1, 10.0), "learning_rate": (0.2, 1.0)}


@pytest.fixture(scope="module")
def case():
    model = word_model(sizes=Sizes(layers=1))
    return model, learnable(word_task(), model)


def sweep(case, folder, **changes):
    model, task = case
    settings = {"base": BASE, "space": SPACE, "trials": 3, "sampler": "optuna"} | changes
    given = {"progress": settings.pop("progress", None), "means": settings.pop("means", None)}
    config = SweepConfig(**settings)
    return sweep_masks(
        model, task.train, task.validation, UNIVERSE, storage=folder, config=config, **given
    )


@pytest.fixture
def learned(monkeypatch):
    """The settings of every mask whose training is begun."""
    begun, learn = [], _sweep.learn_mask

    def counting(*args, config, **rest):
        begun.append(config)
        return learn(*args, config=config, **rest)

    monkeypatch.setattr(_sweep, "learn_mask", counting)
    return begun


def same(one, two):
    scores = ([s.scores(trial).values for trial in s.trials] for s in (one, two))
    assert one.trials == two.trials
    assert all(torch.equal(a, b) for a, b in zip(*scores, strict=True))
    assert (one.full, one.empty) == (two.full, two.empty)


@pytest.fixture(scope="module")
def whole(case, tmp_path_factory):
    return sweep(case, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("sampler", ["optuna", "grid"])
def test_starts_at_the_base_and_the_same_seed_gives_the_same_trials(case, sampler, tmp_path):
    one, two = (sweep(case, tmp_path / name, sampler=sampler, trials=3) for name in "ab")
    same(one, two)
    assert one.sampler == sampler
    assert one.trials[0].settings == {"weight": 1.0, "learning_rate": 0.5}
    for trial in one.trials:
        assert all(low <= trial.settings[name] <= high for name, (low, high) in SPACE.items())
    assert len({json.dumps(dict(trial.settings)) for trial in one.trials}) == 3


def test_another_seed_gives_other_trials(case, whole, tmp_path):
    other = sweep(case, tmp_path, seed=1)
    assert other.trials[0].settings == whole.trials[0].settings
    assert other.trials[0].seed == 1
    assert len({trial.size for trial in whole.trials}) > 1
    pairs = zip(other.trials[1:], whole.trials[1:], strict=True)
    assert all(one.settings != two.settings for one, two in pairs)


@pytest.mark.parametrize("calls", [1, 5, 6, 13])
def test_a_killed_sweep_goes_on_as_if_nothing_had_happened(case, whole, learned, tmp_path, calls):
    left = iter(range(1, 100))

    def stop(done, total):
        if next(left) == calls:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(case, tmp_path, progress=stop)
    finished, step = divmod(calls - 1, BASE.steps)
    path = tmp_path / "trials.jsonl"
    assert len(path.read_text().splitlines() if path.exists() else []) == finished
    learned.clear()
    ticks = []
    same(sweep(case, tmp_path, progress=lambda done, total: ticks.append(done)), whole)
    assert len(learned) == 3 - finished
    saved = BASE.save_every if step + 1 >= BASE.save_every else 0
    assert len(ticks) == BASE.steps * (3 - finished) - saved  # the mask in training goes on too
    assert ticks == sorted(ticks) and ticks[-1] == 300
    assert not list(tmp_path.rglob("training*"))


def test_a_finished_sweep_learns_nothing_again_and_can_be_prolonged(case, whole, learned, tmp_path):
    sweep(case, tmp_path, trials=2)
    same(sweep(case, tmp_path), whole)
    assert len(learned) == 3
    same(sweep(case, tmp_path), whole)
    shorter = sweep(case, tmp_path, trials=2)
    assert shorter.trials == whole.trials[:2]
    assert len(learned) == 3


def test_a_torn_last_line_is_learned_again_and_a_damaged_one_is_told(case, whole, tmp_path):
    sweep(case, tmp_path)
    path = tmp_path / "trials.jsonl"
    text = path.read_text()
    path.write_text(text[:-20])
    same(sweep(case, tmp_path), whole)
    assert path.read_text() == text
    path.write_text(text.replace("{", "", 1))
    with pytest.raises(RunError, match=r"line 1 of .* is damaged"):
        sweep(case, tmp_path)


def test_a_folder_holds_one_sweep(case, tmp_path):
    sweep(case, tmp_path, trials=1)
    for changes, named in (
        ({"seed": 3}, "seed"),
        ({"space": {"weight": (0.1, 1.0)}}, "space"),
        ({"base": replace(BASE, steps=7)}, "base"),
        ({"sampler": "grid"}, "sampler"),
    ):
        with pytest.raises(RunError, match=rf"another one \({named} differ"):
            sweep(case, tmp_path, trials=1, **changes)
    model, task = case
    with pytest.raises(RunError, match=r"another one \(train differ"):
        sweep((model, replace(task, train=task.train.take(6))), tmp_path, trials=1)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        sweep(case, tmp_path, trials=1)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot write"):
        sweep(case, tmp_path / "file", trials=1)


def test_without_optuna_a_grid_takes_its_place(case, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    found = sweep(case, tmp_path, sampler="auto", trials=3)
    assert found.sampler == "grid"
    same(found, sweep(case, tmp_path / "grid", sampler="grid", trials=3))
    with pytest.raises(RunError, match=r"pip install 'tapeout\[sweep\]'"):
        sweep(case, tmp_path / "optuna", sampler="optuna")


def test_optuna_is_silent_and_its_settings_are_left_alone(capfd):
    import optuna

    before = optuna.logging.get_verbosity()
    axes = axes_of(BASE, SPACE)
    tried = [Tried(settings={a.name: a.centre for a in axes}, values=(0.5, 0.1)) for _ in range(12)]
    tried[3] = replace(tried[3], values=None)
    assert propose("optuna", axes, tried, 0) == propose("optuna", axes, tried, 0)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_size_and_loss_are_those_of_the_circuit_on_the_validation_split(case, whole):
    model, task = case
    for trial in whole.trials:
        circuit = whole.scores(trial).positive()
        outcome = evaluate(model, task.validation, circuit, Counterfactual(), kl=True)
        assert trial.loss == pytest.approx(float(outcome.kl.mean()), rel=1e-4, abs=1e-6)
        assert (trial.size, trial.share) == (circuit.size, circuit.share)
    means = means_over(model, task.reference, UNIVERSE)
    base = replace(BASE, replacement="mean", objective="task")
    (trial,) = (
        found := sweep(case, whole.folder / "mean", base=base, trials=1, means=means)
    ).trials
    circuit = found.scores(trial).positive()
    outcome = evaluate(model, task.validation, circuit, means, metrics=[LOG_LIKELIHOOD])
    expected = -float(outcome.metrics["log_likelihood"].mean())
    assert trial.loss == pytest.approx(expected, rel=1e-4)
    full = evaluate(model, task.validation, metrics=[LOG_LIKELIHOOD]).metrics["log_likelihood"]
    assert found.full == pytest.approx(-float(full.mean()), rel=1e-4)


def test_several_seeds_stand_for_one_setting(case, whole, tmp_path):
    found = sweep(case, tmp_path, trials=2, seeds=2, seed=5)
    assert [(t.number, t.seed) for t in found.trials] == [(0, 5), (0, 6), (1, 5), (1, 6)]
    assert found.trials[0].settings == found.trials[1].settings
    assert found.trials[0].loss != found.trials[1].loss


def test_a_mask_that_cannot_be_learned_does_not_end_a_sweep(case, monkeypatch, tmp_path):
    learn, calls = _sweep.learn_mask, iter(range(100))

    def fragile(*args, **rest):
        if next(calls) in (1, 3):
            raise TaskError("the loss is nan at step 3")
        return learn(*args, **rest)

    monkeypatch.setattr(_sweep, "learn_mask", fragile)
    found = sweep(case, tmp_path, trials=3)
    assert [trial.number for trial in found.trials] == [0, 2]
    assert [(row.number, row.failed) for row in found.failed] == [(1, "the loss is nan at step 3")]
    again = sweep(case, tmp_path, trials=3)
    assert (again.trials, again.failed) == (found.trials, found.failed)
    with pytest.raises(TaskError, match="nan"):
        sweep(case, tmp_path / "none", trials=3)


def test_edges_are_swept_alike(case, tmp_path):
    model, task = case
    options = {"base": BASE, "space": {"weight": (0.1, 10.0)}, "trials": 2}
    splits = task.train, task.validation
    found = sweep_edges(model, *splits, storage=tmp_path, **options)
    again = sweep_edges(model, *splits, storage=tmp_path, **options)
    same(found, again)
    trial = found.trials[1]
    circuit = found.scores(trial).positive()
    outcome = evaluate(model, task.validation, circuit, Counterfactual(), kl=True)
    assert trial.loss == pytest.approx(float(outcome.kl.mean()), rel=1e-3, abs=1e-6)
    assert trial.size == circuit.size


def trial(size, loss, number=0):
    return Trial(number=number, seed=0, settings={}, steps=1, size=size, share=0.0, loss=loss)


some_trials = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30).map(
    lambda pairs: [trial(size, float(loss), n) for n, (size, loss) in enumerate(pairs)]
)


@given(some_trials)
def test_the_front_is_what_nothing_beats(trials):
    found = front(trials)
    assert bool(found) == bool(trials)
    for one in trials:
        assert any(f.size <= one.size and f.loss <= one.loss for f in found)
    for one in found:
        assert not any(
            t.size <= one.size and t.loss <= one.loss and (t.size, t.loss) != (one.size, one.loss)
            for t in trials
        )
    sizes, losses = [t.size for t in found], [t.loss for t in found]
    assert sizes == sorted(set(sizes))
    assert losses == sorted(set(losses), reverse=True)


@given(some_trials, st.integers(-1, 10))
def test_the_best_is_the_smallest_that_loses_little_enough(tmp_path, trials, limit):
    found = Sweep(folder=tmp_path, trials=trials, failed=[], full=0.0, empty=10.0, sampler="grid")
    good = [t for t in trials if t.loss <= limit]
    if not trials:
        return
    if not good:
        with pytest.raises(TaskError, match="no trial's loss"):
            found.best(loss=float(limit))
        return
    assert found.best(loss=float(limit)).size == min(t.size for t in good)
    assert found.best(relative=limit / 10) == found.best(loss=float(limit))
    for wrong in ({}, {"loss": 1.0, "relative": 0.1}):
        with pytest.raises(TaskError, match="either"):
            found.best(**wrong)
    with pytest.raises(TaskError, match="give the loss itself"):
        replace(found, empty=0.0).best(relative=0.1)


axes = st.builds(
    lambda low, width, part, whole: Axis(
        name="x",
        low=int(low) if whole else low,
        high=int(low + width) + 1 if whole else low + width,
        whole=whole,
        centre=int(low + part * width) if whole else low + part * width,
    ),
    st.floats(-5, 50),
    st.floats(0.1, 100),
    st.floats(0, 1),
    st.booleans(),
)


@given(axes.filter(lambda axis: axis.low <= axis.centre <= axis.high))
def test_an_axis_runs_from_bound_to_bound_through_its_centre(axis):
    values = [axis.at(i / 16) for i in range(17)]
    assert (values[0], values[8], values[16]) == (axis.low, axis.centre, axis.high)
    slack = 1e-9 * (1 + abs(axis.high))
    assert all(a <= b + slack for a, b in pairwise(values))
    assert not axis.whole or all(isinstance(value, int) for value in values)


def test_a_grid_starts_at_the_centre_and_ends_when_whole_numbers_are_used_up():
    ramp = Axis(name="ramp", low=0, high=4, whole=True, centre=3)
    rate = Axis(name="rate", low=0.01, high=1.0, whole=False, centre=0.1)
    assert [s["ramp"] for s in grid([ramp])] == [3, 0, 4, 2, 1]
    points = [next(p) for p in [grid([ramp, rate])] for _ in range(40)]
    assert points[0] == {"ramp": 3, "rate": 0.1}
    assert len({tuple(p.values()) for p in points}) == 40
    assert points[1]["ramp"] == 0 and points[1]["rate"] == 0.1  # one setting at a time at first
    assert list(grid([])) == [{}]


def test_a_space_that_is_none():
    for space, message in (
        ({"learning_rat": (0.1, 1)}, "did you mean 'learning_rate'"),
        ({"seed": (0, 1)}, "no setting 'seed'"),
        ({"temperature": (0.1, 1)}, "no setting 'temperature'"),
        ({"weights.attn.z:head": (0.1, 1)}, "no setting 'weights"),
        ({"weight": (1, 1)}, "two numbers"),
        ({"weight": (2, 1)}, "two numbers"),
        ({"weight": (1, 2, 3)}, "two numbers"),
        ({"weight": (1, float("inf"))}, "two numbers"),
        ({"steps": (10, 20.5)}, "whole number"),
    ):
        with pytest.raises(RecipeError, match=message):
            SweepConfig(base=BASE, space=space)
    with pytest.raises(RecipeError, match="needs a space"):
        SweepConfig(base=BASE)
    with pytest.raises(RecipeError, match="at least one"):
        SweepConfig(base=BASE, space=SPACE, trials=0)


def test_settings_go_where_they_belong():
    base = replace(BASE, gate=Heaviside(), size=Penalty(weight=2.0, weights={"attn.z:head": 3.0}))
    known = values_of(base)
    changed = {name: value + 1 for name, value in known.items()}
    assert values_of(with_settings(base, changed)) == changed
    assert {"temperature", "first", "spread", "weights.attn.z:head", "steps"} <= set(known)
    assert with_settings(base, {"temperature": 0.5}).gate == Heaviside(temperature=0.5)
    assert values_of(replace(base, gate=Linear())).keys() & {"temperature"} == set()
    assert with_settings(base, {"steps": 7.0, "weight": 2}).steps == 7
    for wrong, message in (({"beta": 1.0}, "no setting"), ({"steps": 7.5}, "whole number")):
        with pytest.raises(RecipeError, match=message):
            with_settings(base, wrong)


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_says_what_to_search(name):
    base = PRESETS[name].config
    space = around(base, SPREAD[name])
    for axis in axes_of(base, space):
        assert axis.centre == values_of(base)[axis.name]
        assert axis.low < axis.centre < axis.high
