"""Greedy traces, and beside each the first sampled one that ends otherwise (paper 2, 3.1.1)."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import AmplifyError
from ..generation import Sampling
from ..reasoning import Problem
from ._solver import Pair, Solver, Trace


@dataclass(frozen=True, kw_only=True)
class TraceConfig:
    """How traces are written and which of them make pairs.

    Attributes:
        limit: most tokens of a trace.
        samples: most sampled traces of a problem; none is drawn after the first that makes a pair.
        temperature_right: of samples where greedy decoding is right, so that a wrong one is wanted.
            The paper names no temperatures; its code falls back to 1.2 here. From a small model
            that draws many chains which state no answer, so the default stays nearer to what the
            model finds likely: its own mistakes.
        temperature_wrong: of samples where a right one is wanted, as in the paper's code.
        top_p, top_k: see `generation.Sampling`. The code leaves `generate`'s own top_k of 50; a
            top_p of 0.95 cut off more of what states no answer.
        seed: of the order of problems, and of the samples.
        pairs: stop when there are so many; None takes every problem.
        right_share: the part of the pairs whose greedy trace is right; what is found beyond that is
            left out. None takes them as they come, which is mostly pairs whose greedy trace is
            right: a right chain is more easily lost than found.
        batch_size: rows at once. Samples depend on it.
        sample_dtype: of the weights that draw samples, such as `bfloat16`, which many processors
            run twice as fast; empty for the model's own. All else is the model's own in any case:
            a sample is text to part, whatever wrote it.
    """

    limit: int = 256
    samples: int = 10
    temperature_right: float = 0.8
    temperature_wrong: float = 0.8
    top_p: float = 0.95
    top_k: int = 0
    seed: int = 0
    pairs: int | None = None
    right_share: float | None = None
    batch_size: int = 32
    sample_dtype: Literal["", "float32", "bfloat16", "float16"] = ""

    def __post_init__(self) -> None:
        if min(self.limit, self.samples, self.batch_size) < 1:
            raise AmplifyError("limit, samples and batch_size must be 1 or more")
        if self.pairs is not None and self.pairs < 1:
            raise AmplifyError(f"pairs is {self.pairs}: ask for 1 or more, or leave it out")
        if self.right_share is not None and not 0 <= self.right_share <= 1:
            raise AmplifyError(f"right_share is {self.right_share}: it goes from 0 to 1")

    def temperature(self, right: bool) -> float:
        return self.temperature_right if right else self.temperature_wrong


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What came of one problem.

    Attributes:
        greedy: its greedy trace.
        other: the first sample that ended otherwise; None if none did, or none was wanted.
        samples: how many were drawn.
    """

    greedy: Trace
    other: Trace | None
    samples: int

    @property
    def pair(self) -> Pair | None:
        return None if self.other is None else Pair(greedy=self.greedy, other=self.other)


def greedy_traces(solver: Solver, problems: Sequence[Problem]) -> list[Trace]:
    """The greedy trace of each problem."""
    return solver.write(problems)


def sampled_traces(
    solver: Solver, problems: Sequence[Problem], sampling: Sampling, samples: int = 1
) -> list[list[Trace]]:
    """So many sampled traces of each problem."""
    rows = [problem for problem in problems for _ in range(samples)]
    written = solver.write(rows, sampling)
    return [written[start : start + samples] for start in range(0, len(rows), samples)]


def opposite(greedy: Trace, samples: Iterable[Trace]) -> Trace | None:
    """The first sample that ends otherwise; a wrong one has to state an answer at all."""
    for trace in samples:
        if trace.right != greedy.right and trace.answered:
            return trace
    return None


def opposites(
    solver: Solver,
    greedy: Sequence[Trace],
    config: TraceConfig,
    *,
    kinds: Collection[bool] = (True, False),
    part: int = 0,
) -> list[Attempt]:
    """Sample beside each greedy trace until one ends otherwise.

    Problems that are through make room in the batch for more samples of the others.

    Args:
        solver: what samples.
        greedy: the greedy traces.
        config: temperatures and how often to try.
        kinds: for which greedy traces to sample: right ones, wrong ones or both.
        part: tells this call's random numbers from those of other problems.
    """
    found: list[Attempt] = [Attempt(greedy=trace, other=None, samples=0) for trace in greedy]
    for right in sorted(kinds):
        open_ = [place for place, trace in enumerate(greedy) if trace.right is right]
        drawn = 0
        while open_ and drawn < config.samples:
            at_once = min(max(1, solver.batch_size // len(open_)), config.samples - drawn)
            sampling = Sampling(
                temperature=config.temperature(right),
                top_p=config.top_p,
                top_k=config.top_k,
                seed=_seed(config.seed, part, right, drawn),
            )
            problems = [greedy[place].problem for place in open_]
            drawn += at_once
            rows = sampled_traces(solver, problems, sampling, at_once)
            for place, traces in zip(open_, rows, strict=True):
                other = opposite(greedy[place], traces)
                found[place] = Attempt(greedy=greedy[place], other=other, samples=drawn)
            open_ = [place for place in open_ if found[place].other is None]
    return found


def _seed(*parts: int) -> int:
    """Another one for every call, the same in every process."""
    digest = hashlib.sha256(" ".join(map(str, map(int, parts))).encode()).digest()
    return int.from_bytes(digest[:6])
