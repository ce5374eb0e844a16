"""Sampled traces, and which of them make pairs."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.amplify import Pair, Solver, Trace, TraceConfig, prefix_pivot
from tapeout.amplify._branching import branching_pivots
from tapeout.amplify._paired import trace_pairs
from tapeout.amplify._pivots import Pivot, record
from tapeout.amplify._quota import choose, missing
from tapeout.amplify._sequential import sequential_pivot
from tapeout.amplify._traces import greedy_traces, opposite, opposites, sampled_traces
from tapeout.errors import AmplifyError
from tapeout.generation import Sampling

from . import parity

TASK = parity.task()
CONFIG = TraceConfig(limit=12, samples=6, temperature_right=0.5, temperature_wrong=0.7, top_p=1.0)


def solver(rows: int = 8) -> Solver:
    return Solver(parity.model(), TASK, limit=12, batch_size=rows)


def trace(ids=(3,), *, right: bool, answered: bool = True) -> Trace:
    return Trace(problem=TASK.train[0], ids=ids, text="", right=right, answered=answered)


def test_a_trace_ends_at_its_stop_and_its_text_before_it():
    at_work = solver()
    traces = greedy_traces(at_work, TASK.train)
    for sampled in sampled_traces(at_work, TASK.train, Sampling(seed=1), 3):
        traces += sampled
    assert {len(one.ids) for one in traces} > {12}
    for one in traces:
        assert "\nQ:" not in one.text
        assert at_work.finished(one.ids) and not at_work.finished(one.ids[:-1])
        assert one == at_work.judged(one.problem, one.ids)


def test_a_completion_counts_its_limit_from_the_prompt_and_leaves_finished_ones():
    at_work = solver()
    for one in greedy_traces(at_work, TASK.train):
        starts = [(one.problem, one.ids[:cut]) for cut in range(len(one.ids) + 1)]
        assert {end.text for end in at_work.complete(starts)} == {one.text}
        assert {end.ids for end in at_work.complete(starts)} >= {one.ids}


def test_the_first_sample_that_ends_otherwise_is_taken():
    wrong, right = trace(right=False), trace(right=True)
    mute = trace(right=False, answered=False)
    assert opposite(right, [right, mute, wrong, trace(right=False, ids=(4,))]) == wrong
    assert opposite(wrong, [wrong, mute, right]) == right
    assert opposite(right, [right, mute]) is None


def test_samples_end_with_the_first_pair_and_draw_at_the_kinds_own_temperature():
    at_work = solver()
    seen = []
    write = at_work.write

    def watched(problems, sampling=None):
        seen.append(sampling)
        return write(problems, sampling)

    greedy = greedy_traces(at_work, TASK.train)
    at_work.write = watched
    found = opposites(at_work, greedy, CONFIG)
    assert {one.temperature for one in seen} == {0.5, 0.7}
    assert len({one.seed for one in seen}) == len(seen)
    assert {one.other is None for one in found} == {True, False}
    for one, first in zip(found, greedy, strict=True):
        assert one.greedy == first
        assert one.other is None or one.other.right != first.right
        assert one.samples == CONFIG.samples if one.other is None else one.samples >= 1
    assert opposites(at_work, greedy, CONFIG) == found
    assert opposites(at_work, greedy, CONFIG, part=1) != found
    only = opposites(at_work, greedy, CONFIG, kinds={True})
    assert all(bool(one.samples) is one.greedy.right for one in only)


@given(
    kinds=st.lists(st.booleans(), max_size=30),
    share=st.none() | st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]),
    most=st.none() | st.integers(1, 20),
)
def test_pairs_are_chosen_in_their_share(kinds, share, most):
    config = TraceConfig(pairs=most, right_share=share)
    pairs = [
        Pair(greedy=trace(right=kind), other=trace(ids=(place,), right=not kind))
        for place, kind in enumerate(kinds)
    ]
    chosen = choose(config, pairs)
    assert [pair for pair in pairs if pair in chosen] == chosen
    assert most is None or len(chosen) <= most
    right = sum(pair.greedy.right for pair in chosen)
    if share is None:
        assert len(chosen) == min(len(pairs), most or len(pairs))
    else:
        assert abs(right - share * len(chosen)) <= 0.5
        scarce = {kind for kind in (True, False) if kinds.count(kind) < len(kinds)}
        assert chosen or share not in (0.5,) or len(scarce) < 2 or most == 1
    if not missing(config, pairs):
        assert len(chosen) == most


def test_both_kinds_are_asked_for_until_each_has_its_part():
    config = TraceConfig(pairs=4, right_share=0.5)
    pair = {k: Pair(greedy=trace(right=k), other=trace(right=not k)) for k in (True, False)}
    assert missing(config, []) == {True, False}
    assert missing(config, [pair[True]] * 2) == {False}
    assert missing(config, [pair[True]] * 2 + [pair[False]] * 2) == set()
    assert missing(TraceConfig(pairs=2), [pair[True]] * 2) == set()
    assert missing(TraceConfig(right_share=1.0), [pair[True]] * 99) == {True}


def test_the_prefix_pivot_is_the_first_token_not_shared():
    pair = Pair(greedy=trace((5, 6, 8), right=True), other=trace((5, 7, 8), right=False))
    assert prefix_pivot(pair) == Pivot(place=1, greedy=6)
    same = replace(pair, other=trace((5, 6), right=False))
    assert prefix_pivot(same) is None


@pytest.mark.parametrize("right", [True, False])
def test_a_record_wants_what_leads_to_the_right_answer(right):
    pair = Pair(greedy=trace((5, 6), right=right), other=trace((5, 7), right=not right))
    at_work = solver()
    found = record(at_work, pair, Pivot(place=1, greedy=6), "prefix")
    assert (found.desired, found.undesired) == ((6, 7) if right else (7, 6))
    assert found.tokens == (*at_work.prompt(pair.problem), 5)
    assert (found.greedy_right, found.method) == (right, "prefix")
    first = record(at_work, pair, Pivot(place=0, greedy=9), "branching")
    assert first.tokens == at_work.prompt(pair.problem)
    assert {first.desired, first.undesired} == {9, 5}


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"limit": 0}, "1 or more"), ({"pairs": 0}, "pairs is 0"), ({"right_share": 2.0}, "0 to 1")],
)
def test_settings_that_make_no_pairs_are_told(changes, told):
    with pytest.raises(AmplifyError, match=told):
        TraceConfig(**changes)


def test_samples_can_be_drawn_in_another_dtype(monkeypatch):
    model, seen = parity.model(), []
    write = Solver.write

    def noted(self, problems, sampling=None):
        seen.append((sampling is not None, next(self.model.hf.parameters()).dtype))
        return write(self, problems, sampling)

    monkeypatch.setattr(Solver, "write", noted)
    config = replace(CONFIG, sample_dtype="bfloat16", batch_size=8)
    pairs = trace_pairs(model, TASK.train, task=TASK, config=config)
    assert set(seen) == {(False, torch.float32), (True, torch.bfloat16)}
    assert next(model.hf.parameters()).dtype == torch.float32
    plain = greedy_traces(solver(), [pair.problem for pair in pairs])
    assert [pair.greedy for pair in pairs] == plain
    at_work = solver()
    pivots = branching_pivots(at_work, pairs.pairs)
    for pair, found in zip(pairs, pivots, strict=True):
        assert found.pivot == sequential_pivot(at_work, pair)
