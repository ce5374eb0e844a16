"""Localisation sets: whole, resumed, and asked of models that have none."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tapeout.amplify import (
    LocalisationSet,
    Solver,
    TraceConfig,
    _branching,
    _paired,
    _sets,
    _solver,
    localisation_set,
    trace_pairs,
)
from tapeout.errors import AmplifyError, RunError
from tapeout.models import Model

from . import parity

TASK = parity.task(20)
CONFIG = TraceConfig(
    limit=12, samples=4, temperature_right=0.5, temperature_wrong=0.5, top_p=1.0, batch_size=4
)
TRACED: dict[str, Any] = {"task": TASK, "config": CONFIG}


@pytest.fixture(scope="module")
def model() -> Model:
    return parity.model()


@pytest.fixture(scope="module")
def whole(model: Model) -> LocalisationSet:
    return built(model)


def built(model: Model, task=TASK, **rest) -> LocalisationSet:
    return localisation_set(model, task.train, task=task, **{"config": CONFIG, **rest})


@pytest.mark.parametrize("method", ["prefix", "branching"])
def test_records_stand_where_greedy_decoding_goes_either_way(model, method, tmp_path):
    found = built(model, method=method)
    solver = Solver(model, TASK, limit=12)
    by_id = {problem.instance_id: problem for problem in TASK.train}
    assert len(found) and {one.greedy_right for one in found} == {True, False}
    for one in found:
        problem = by_id[one.instance_id]
        start = one.tokens[len(solver.prompt(problem)) :]
        assert solver.prompt(problem) + start == one.tokens and one.desired != one.undesired
        if method == "branching":
            ends = solver.complete([(problem, (*start, t)) for t in (one.desired, one.undesired)])
            assert [end.right for end in ends] == [True, False]
    counts = found.origin["counts"]
    assert counts["problems"] == 20 and counts["no_pivot"] == 0
    assert len(found) == counts["pairs_greedy_right"] + counts["pairs_greedy_wrong"]
    assert found.prefix == solver.prefix_ids and found.name == f"parity/train ({method})"
    assert found.model == model.fingerprint and found.origin["settings"]["seed"] == 0
    found.save(tmp_path / "set.jsonl")
    assert list(LocalisationSet.load(tmp_path / "set.jsonl")) == list(found)


def test_methods_share_pairs_and_differ_in_places(model, tmp_path):
    prefix, branching = (built(model, method=m, folder=tmp_path) for m in ("prefix", "branching"))
    assert len(prefix) == len(branching)
    gaps = [len(b.tokens) - len(a.tokens) for a, b in zip(prefix, branching, strict=True)]
    assert min(gaps) == 0 < max(gaps)


@pytest.mark.parametrize("method", ["prefix", "branching"])
def test_pairs_are_told_as_text_in_the_records_order(model, method, tmp_path):
    found = built(model, method=method, texts=tmp_path / "texts.jsonl")
    solver, decode = Solver(model, TASK, limit=12), model.tokenizer.decode
    pairs = {pair.problem.instance_id: pair for pair in trace_pairs(model, TASK.train, **TRACED)}
    rows = [json.loads(line) for line in (tmp_path / "texts.jsonl").read_text().splitlines()]
    assert len(rows) == len(found)
    for row, record in zip(rows, found, strict=True):
        pair = pairs[row["instance_id"]]
        assert (row["instance_id"], row["greedy_right"]) == (record.instance_id, pair.greedy.right)
        start = len(record.tokens) - len(solver.prompt(pair.problem))
        assert row["before"] == decode(list(pair.other.ids[:start]))
        assert row["before"] + row["sampled"] + row["after"] == decode(list(pair.other.ids))
        assert row["greedy_trace"] == decode(list(pair.greedy.ids))
        tokens = [row["greedy"], row["sampled"]]
        ids = [record.desired, record.undesired]
        assert tokens == [decode([i]) for i in (ids if record.greedy_right else reversed(ids))]
        assert row["question"] == f"{row['instance_id']}?" and row["answer"] == "0"


def test_pairs_come_in_the_share_and_number_that_are_asked_for(model):
    pairs = trace_pairs(
        model, TASK.train, task=TASK, config=replace(CONFIG, pairs=4, right_share=0.5)
    )
    assert [pair.greedy.right for pair in pairs].count(True) == 2 and len(pairs) == 4
    assert pairs.counts["problems"] <= 20


class Killed(Exception):
    pass


@pytest.mark.parametrize("stop", [1, 3, 4, 6])
def test_a_killed_search_goes_on_as_it_would_have(model, whole, tmp_path, monkeypatch, stop):
    steps = []

    def killed(done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == stop:
            raise Killed

    with suppress(Killed):
        built(model, folder=tmp_path, progress=killed)
    written = _count_rows(monkeypatch)
    back = built(model, folder=tmp_path)
    assert list(back) == list(whole) and back.origin == whole.origin
    first = len(written)
    assert list(built(model, folder=tmp_path)) == list(whole)
    assert len(written) == first


def _count_rows(monkeypatch) -> list[int]:
    """Rows that the model was run on."""
    seen: list[int] = []

    def watch(name: str) -> None:
        run = getattr(_solver, name)

        def watched(model, rows, **rest):
            seen.extend(map(len, rows))
            return run(model, rows, **rest)

        monkeypatch.setattr(_solver, name, watched)

    watch("generate")
    watch("choices")
    return seen


def test_progress_ends_where_it_said(model):
    seen = []
    built(model, progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {40} and seen[-1] == (40, 40)


def test_a_folder_of_other_traces_is_told(model, tmp_path):
    built(model, folder=tmp_path)
    with pytest.raises(RunError, match="seed differ"):
        built(model, folder=tmp_path, config=replace(CONFIG, seed=1))
    with pytest.raises(RunError, match="model differ"):
        built(parity.model("gpt2"), folder=tmp_path)


class Mute(parity.Parity):
    def is_right(self, text, problem):
        return False

    def is_stated(self, text):
        return False


class Hopeless(parity.Parity):
    def is_right(self, text, problem):
        return False


class Solved(parity.Parity):
    def is_right(self, text, problem):
        return True


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Mute, "none of 20 greedy traces could an answer be read.*shots"),
        (Hopeless, r"solves none of the first 20 problems.*80 samples.*easier"),
        (Solved, "already solves the first 20 problems.*harder"),
    ],
)
def test_a_model_that_has_no_pairs_is_told_why(model, kind, told):
    with pytest.raises(AmplifyError, match=told):
        built(model, parity.task(20, kind=kind))


def test_samples_that_never_end_otherwise_are_told(model):
    cold = replace(CONFIG, temperature_right=1e-4, temperature_wrong=1e-4)
    with pytest.raises(AmplifyError, match=r"80 samples made 0 pairs.*raise temperature"):
        built(model, config=cold)


def test_a_share_that_leaves_nothing_is_told(model, monkeypatch):
    monkeypatch.setattr(_paired, "missing", lambda config, found: {True})
    with pytest.raises(AmplifyError, match=r"right_share 0\.0 leaves none"):
        built(model, config=replace(CONFIG, right_share=0.0))


def test_pairs_without_a_pivot_are_counted_and_told(model, monkeypatch):
    """Rounding may make every token of a sampled trace the greedy choice."""
    some = {"left": 3}

    def blind(solver, pairs):
        found = _branching.branching_pivots(solver, pairs)
        keep, some["left"] = some["left"], 0
        return [one if i < keep else replace(one, pivot=None) for i, one in enumerate(found)]

    monkeypatch.setattr(_sets, "branching_pivots", blind)
    found = built(model)
    assert len(found) == 3
    counts = found.origin["counts"]
    assert counts["no_pivot"] == counts["kept_greedy_right"] + counts["kept_greedy_wrong"] - 3
    with pytest.raises(AmplifyError, match=r"turns the outcome in any.*fp32"):
        built(model)


def test_an_empty_split_is_told(model):
    with pytest.raises(AmplifyError, match="holds no problem"):
        localisation_set(model, TASK.train.take(0), task=TASK, config=CONFIG)


def test_traces_on_disk_can_be_read(model, tmp_path: Path):
    pairs = trace_pairs(model, TASK.train, task=TASK, config=CONFIG, folder=tmp_path)
    again = trace_pairs(model, TASK.train, task=TASK, config=CONFIG, folder=tmp_path)
    assert again.pairs == pairs.pairs and again.tried == pairs.tried
