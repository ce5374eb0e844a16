"""The error-localisation set of a model: pairs of traces, and where each pair parts (paper 2)."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import AmplifyError
from ..models import Model
from ..reasoning import ProblemSplit, ReasoningTask
from ._branching import Branching, branching_pivots
from ._log import Log
from ._paired import Progress, TracePairs, about_traces, trace_pairs
from ._pivots import Pivot, prefix_pivot, record
from ._records import LocalisationSet, Method
from ._solver import Solver
from ._texts import write_texts
from ._traces import TraceConfig


def localisation_set(
    model: Model,
    split: ProblemSplit,
    *,
    task: ReasoningTask,
    method: Method = "branching",
    config: TraceConfig | None = None,
    folder: Path | None = None,
    texts: Path | None = None,
    progress: Progress | None = None,
) -> LocalisationSet:
    """Find where wrong chains of reasoning leave right ones.

    Args:
        model: whose chains they are; it is not changed.
        split: the problems, as a rule `task.train`.
        task: their prompting and scoring.
        method: `prefix`, the first token that a pair does not share, or `branching`, the first one
            that turns what greedy decoding ends in.
        config: how traces are written, and how many pairs of which kind are wanted.
        folder: keeps what was found as it comes, so that a killed call goes on; both methods can
            share one, and then its traces.
        texts: a file for the pairs as text, a JSON object on a line, in the records' order: the
            question, the sampled trace parted at its pivot, both tokens there, the greedy trace.
        progress: called with the steps done and all of them: one for each problem, and then as
            many again for the pairs.

    Raises:
        AmplifyError: no answer can be read in what the model writes, it solves every problem or
            none, nothing that it writes makes a pair, or no pair has a pivot.
        RunError: the folder cannot be written, is damaged, or is of another set.

    Source: paper 2, section 3.1.1.
    """
    config = config or TraceConfig()
    steps = _Steps(progress, len(split))
    pairs = trace_pairs(
        model, split, task=task, config=config, folder=folder, progress=steps.problems
    )
    solver = Solver(model, task, limit=config.limit, batch_size=config.batch_size)
    counts: dict[str, int] = dict(pairs.counts)
    if method == "prefix":
        pivots = [prefix_pivot(pair) for pair in pairs]
    else:
        about = about_traces(solver, split, config)
        log = Log(folder and folder / "pivots.jsonl", about)
        found = _branching(solver, pairs, log, steps)
        pivots = [one.pivot for one in found]
        counts["candidates"] = sum(one.candidates for one in found)
        counts["completions"] = sum(one.completions for one in found)
    both = zip(pairs, pivots, strict=True)
    records = tuple(record(solver, pair, pivot, method) for pair, pivot in both if pivot)
    counts["no_pivot"] = len(pairs) - len(records)
    if not records:
        raise AmplifyError(
            f"no token turns the outcome in any of {len(pairs)} pairs of traces. With fp32 weights "
            "every pair has one, since its ends differ: load the model in fp32"
        )
    if texts is not None:
        write_texts(texts, solver, pairs, pivots)
    return LocalisationSet(
        name=f"{split.name} ({method})",
        prefix=solver.prefix_ids,
        records=records,
        model=model.fingerprint,
        origin=_origin(split, method, config, counts),
    )


class _Steps:
    """Problems and then pairs on one scale, since how many pairs there will be is not known."""

    def __init__(self, progress: Progress | None, n: int) -> None:
        self._progress, self._n = progress, n

    def problems(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(done, 2 * total)

    def pairs(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(self._n + self._n * done // total, 2 * self._n)


def _branching(solver: Solver, pairs: TracePairs, log: Log, steps: _Steps) -> list[Branching]:
    """All pairs' pivots. Whole parts are written down, so a call that goes on batches alike."""
    found = [_read(row) for part in log.rows for row in part["found"]]
    while len(found) < len(pairs):
        part = pairs.pairs[len(found) : len(found) + 4 * solver.batch_size]
        new = branching_pivots(solver, part)
        log.add({"found": [asdict(one) for one in new]})
        found += new
        steps.pairs(len(found), len(pairs))
    return found


def _read(row: dict[str, Any]) -> Branching:
    pivot = row.pop("pivot")
    return Branching(pivot=pivot and Pivot(**pivot), **row)


def _origin(
    split: ProblemSplit, method: Method, config: TraceConfig, counts: dict[str, int]
) -> dict[str, Any]:
    settings = asdict(config)
    return {"split": split.name, "method": method, "settings": settings, "counts": counts}
