"""Pairs of traces from a whole split, journaled so that a killed search goes on."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import AmplifyError
from ..models import Model
from ..reasoning import Problem, ProblemSplit, ReasoningTask
from ._log import Log
from ._quota import choose, missing
from ._solver import Pair, Solver, Trace
from ._traces import Attempt, TraceConfig, greedy_traces, opposites

Progress = Callable[[int, int], None]

ENOUGH = 64
"""After so many problems that all come out alike, more would not tell more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TracePairs(Sequence[Pair]):
    """Pairs of traces, and what was tried to find them.

    Attributes:
        pairs: those to work with, in the order in which their problems were tried.
        tried: every problem that was tried.
        split: the name of the problems.
    """

    pairs: tuple[Pair, ...]
    tried: tuple[Attempt, ...]
    split: str

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: Any) -> Any:
        return self.pairs[index]

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.pairs)

    @property
    def counts(self) -> dict[str, int]:
        """How many problems were tried, and what came of them."""
        greedy = [one.greedy for one in self.tried]
        found = [pair for one in self.tried if (pair := one.pair)]
        return {
            "problems": len(greedy),
            "greedy_right": sum(trace.right for trace in greedy),
            "greedy_answered": sum(trace.answered for trace in greedy),
            "samples": sum(one.samples for one in self.tried),
            "pairs_greedy_right": len(_of(found, True)),
            "pairs_greedy_wrong": len(_of(found, False)),
            "kept_greedy_right": len(_of(self.pairs, True)),
            "kept_greedy_wrong": len(_of(self.pairs, False)),
        }


def trace_pairs(
    model: Model,
    split: ProblemSplit,
    *,
    task: ReasoningTask,
    config: TraceConfig,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> TracePairs:
    """Greedy traces of a split's problems, each with a sampled one that ends otherwise.

    Problems are taken in an order that the seed shuffles.

    Args:
        model: the model; it is not changed.
        split: the problems, as a rule `task.train`.
        task: their prompting and scoring.
        config: how traces are written, and how many pairs of which kind are wanted.
        folder: keeps `traces.jsonl`, from which a killed call goes on and a finished one is read.
        progress: called with the problems done and all of them.

    Raises:
        AmplifyError: no answer can be read in what the model writes, it solves every problem, or
            nothing that it writes makes a pair.
        RunError: the folder cannot be written, is damaged, or is of other traces.

    Source: paper 2, section 3.1.1.
    """
    solver = Solver(model, task, limit=config.limit, batch_size=config.batch_size)
    sampler = None if config.sample_dtype else solver
    problems = list(split)
    if not problems:
        raise AmplifyError(f"{split.name} holds no problem: take another split")
    random.Random(config.seed).shuffle(problems)
    log = Log(folder and folder / "traces.jsonl", about_traces(solver, split, config))
    size = 2 * config.batch_size
    tried: list[Attempt] = []
    for part, start in enumerate(range(0, len(problems), size)):
        kinds = missing(config, [pair for one in tried if (pair := one.pair)])
        if not kinds:
            break
        batch = problems[start : start + size]
        if part < len(log.rows):
            known = zip(batch, log.rows[part]["tried"], strict=True)
            tried += [_read(problem, row) for problem, row in known]
        else:
            greedy = greedy_traces(solver, batch)
            _check_greedy([*(one.greedy for one in tried), *greedy], len(problems))
            sampler = sampler or solver.in_dtype(config.sample_dtype)
            new = opposites(sampler, greedy, config, kinds=kinds, part=part)
            log.add({"tried": [_row(one) for one in new]})
            tried += new
        _check_right(tried, len(problems))
        if progress is not None:
            progress(len(tried), len(problems))
    pairs = choose(config, [pair for one in tried if (pair := one.pair)])
    found = TracePairs(pairs=tuple(pairs), tried=tuple(tried), split=split.name)
    if not pairs:
        raise AmplifyError(_no_pairs(found, config))
    return found


def about_traces(solver: Solver, split: ProblemSplit, config: TraceConfig) -> dict[str, Any]:
    """What traces depend on; plain values."""
    questions = json.dumps([[one.template_id, one.instance_id, one.question] for one in split])
    return {
        **asdict(config),
        "model": asdict(solver.model.fingerprint),
        "prompt": list(solver.prefix_ids),
        "stops": list(solver.task.stops),
        "problems": hashlib.sha256(questions.encode()).hexdigest(),
    }


def _of(pairs: Sequence[Pair], right: bool) -> list[Pair]:
    return [pair for pair in pairs if pair.greedy.right is right]


def _check_greedy(traces: Sequence[Trace], total: int) -> None:
    """Before time goes into samples."""
    n = len(traces)
    if n < min(ENOUGH, total):
        return
    if not any(trace.answered or trace.right for trace in traces):
        raise AmplifyError(
            f"in none of {n} greedy traces could an answer be read. One of them: "
            f"{traces[-1].text[-200:]!r}. Give the task worked examples (shots) in its answer's "
            "format, a longer limit, or a model that follows them"
        )
    if all(trace.right for trace in traces):
        raise AmplifyError(
            f"the model already solves the first {n} problems by greedy decoding, so there is "
            "nothing to amplify: take harder problems, such as templates of more steps"
        )


def _check_right(tried: Sequence[Attempt], total: int) -> None:
    n = len(tried)
    if n < min(ENOUGH, total) or any(one.greedy.right or one.other for one in tried):
        return
    answered = sum(one.greedy.answered for one in tried)
    raise AmplifyError(
        f"the model solves none of the first {n} problems, neither by greedy decoding (which "
        f"states an answer in {answered}) nor in {sum(one.samples for one in tried)} samples, so "
        "there is no right chain to amplify: take easier problems, more worked examples, a longer "
        "limit or a better model"
    )


def _no_pairs(found: TracePairs, config: TraceConfig) -> str:
    counts = found.counts
    told = (
        f"greedy decoding solves {counts['greedy_right']} of {counts['problems']} problems; "
        f"{counts['samples']} samples made {counts['pairs_greedy_right']} pairs whose greedy trace "
        f"is right and {counts['pairs_greedy_wrong']} whose is wrong"
    )
    if counts["pairs_greedy_right"] + counts["pairs_greedy_wrong"]:
        return f"{told}, of which right_share {config.right_share} leaves none: leave it out"
    return (
        f"{told}: draw more samples, or raise temperature_right ({config.temperature_right}) and "
        f"change temperature_wrong ({config.temperature_wrong})"
    )


def _row(one: Attempt) -> dict[str, Any]:
    of = lambda trace: trace and {k: v for k, v in vars(trace).items() if k != "problem"}  # noqa: E731
    return {"greedy": of(one.greedy), "other": of(one.other), "samples": one.samples}


def _read(problem: Problem, row: dict[str, Any]) -> Attempt:
    def of(trace: dict[str, Any]) -> Trace:
        return Trace(**trace | {"problem": problem, "ids": tuple(trace["ids"])})

    other = row["other"] and of(row["other"])
    return Attempt(greedy=of(row["greedy"]), other=other, samples=row["samples"])
