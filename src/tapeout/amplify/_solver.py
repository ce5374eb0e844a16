"""A model at work on a task's problems: what it writes, and whether that ends in a right answer."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..generation import Sampling, SharedPrefix, Stops, choices, generate
from ..models import Model
from ..reasoning import Problem, ReasoningTask

Ids = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A chain of reasoning, from the end of the prompt to its stop or its limit.

    Attributes:
        problem: what it is about.
        ids: its tokens, up to and with those that completed the stop.
        text: them as text, up to the stop.
        right: whether it ends in the right answer.
        answered: whether it states an answer, right or wrong (`ReasoningTask.is_stated`).
    """

    problem: Problem
    ids: Ids
    text: str
    right: bool
    answered: bool


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two traces of a problem, of which one is right and the other is not.

    Attributes:
        greedy: by greedy decoding.
        other: sampled.
    """

    greedy: Trace
    other: Trace

    @property
    def problem(self) -> Problem:
        return self.greedy.problem


class Solver:
    """A model that writes traces behind a task's shared prompt, which it reads once.

    Args:
        model: the model; inside `interventions.restrict`, a part of it.
        task: the problems' prompting and scoring.
        limit: most tokens of a trace. It counts from the end of the prompt, also where a trace is
            completed from the middle; else two prefixes of one greedy trace could end apart.
        batch_size: rows at once.
    """

    def __init__(
        self, model: Model, task: ReasoningTask, *, limit: int, batch_size: int = 32
    ) -> None:
        self.model, self.task, self.limit, self.batch_size = model, task, limit, batch_size
        self.prefix_ids: Ids = tuple(task.prefix_ids(model.tokenizer))
        self._prefix = SharedPrefix(self.prefix_ids) if self.prefix_ids else None
        self.stops = Stops.of(model.tokenizer, strings=task.stops)

    def in_dtype(self, name: str) -> "Solver":
        """The same with a copy of the weights in another dtype, such as `bfloat16`."""
        hf = copy.deepcopy(self.model.hf).to(getattr(torch, name))
        model = self.model.sibling(hf, f"{self.model.name} ({name})")
        return Solver(model, self.task, limit=self.limit, batch_size=self.batch_size)

    def prompt(self, problem: Problem) -> Ids:
        """What stands between the shared prompt and a trace."""
        return tuple(self.task.prompt_ids(self.model.tokenizer, problem))

    def write(self, problems: Sequence[Problem], sampling: Sampling | None = None) -> list[Trace]:
        """A trace of each problem; greedy without `sampling`."""
        return self._extend([(problem, ()) for problem in problems], sampling)

    def complete(self, starts: Sequence[tuple[Problem, Ids]]) -> list[Trace]:
        """Traces that begin with given tokens and go on greedily to their end."""
        found = [self.judged(*start) for start in starts]
        open_ = [place for place, (_, ids) in enumerate(starts) if not self.finished(ids)]
        written = self._extend([starts[place] for place in open_], None)
        for place, trace in zip(open_, written, strict=True):
            found[place] = trace
        return found

    def finished(self, ids: Ids) -> bool:
        """Whether nothing may follow these tokens of a trace."""
        if not ids or len(ids) >= self.limit:
            return len(ids) >= self.limit
        text = self._text(ids)
        return ids[-1] in self.stops.ids or self.task.solution_of(text) != text

    def choices(self, traces: Sequence[Trace]) -> list[Ids]:
        """What the model would greedily write at each place of each trace, in one pass."""
        prompts = [self.prompt(trace.problem) for trace in traces]
        rows = [[*p, *trace.ids[:-1]] for p, trace in zip(prompts, traces, strict=True)]
        found = choices(self.model, rows, prefix=self._prefix, batch_size=self.batch_size)
        return [tuple(row[len(p) - 1 :]) for row, p in zip(found, prompts, strict=True)]

    def judged(self, problem: Problem, ids: Ids) -> Trace:
        """Tokens as a trace."""
        # a stop may begin in the tokens that a completion was given, and then goes unseen by what
        # looks at new tokens alone; here the whole text is cut at it
        text = self.task.solution_of(self._text(ids))
        return Trace(
            problem=problem,
            ids=ids,
            text=text,
            right=self.task.is_right(text, problem),
            answered=self.task.is_stated(text),
        )

    def _extend(
        self, starts: Sequence[tuple[Problem, Ids]], sampling: Sampling | None
    ) -> list[Trace]:
        if not starts:
            return []
        written = generate(
            self.model,
            [[*self.prompt(problem), *ids] for problem, ids in starts],
            limit=self.limit - min(len(ids) for _, ids in starts),
            prefix=self._prefix,
            stops=self.stops,
            sampling=sampling,
            batch_size=self.batch_size,
        )
        return [
            self.judged(problem, (*ids, *new.ids)[: self.limit])
            for (problem, ids), new in zip(starts, written, strict=True)
        ]

    def _text(self, ids: Ids) -> str:
        """With special tokens, since one of them may be written out as a stop string."""
        ids = ids[:-1] if ids and ids[-1] in self.stops.ids else ids
        return self.model.tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
