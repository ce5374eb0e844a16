"""A task: four splits that share no content, and how an answer is scored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..errors import TaskError, nearest
from ._batch import Batch, Partner, make_batches
from ._criterion import CRITERIA, EXACT, FOIL, Criterion
from ._example import Encoded, Example, encode
from ._metrics import LOG_LIKELIHOOD, Metric

SPLITS = ("train", "validation", "test", "reference")
"""Found on, sized on, reported on, and where means are taken."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Examples per split. Means are taken over `reference`, which is none of the others.

    Raises:
        TaskError: a split would be empty.
    """

    train: int = 400
    validation: int = 200
    test: int = 400
    reference: int = 200

    def __post_init__(self) -> None:
        for split, count in self.items():
            if count < 1:
                raise TaskError(f"{split} needs at least one example, not {count}")

    @classmethod
    def of(cls, n: "int | Counts") -> "Counts":
        """`n` for train and test, half of it for validation and reference."""
        if isinstance(n, Counts):
            return n
        if n < 2:
            raise TaskError(f"a task needs at least 2 examples per split, not {n}")
        return cls(train=n, validation=n // 2, test=n, reference=n // 2)

    def items(self) -> list[tuple[str, int]]:
        return [(name, getattr(self, name)) for name in SPLITS]


@dataclass(frozen=True, eq=False)
class Split(Sequence[Example]):
    """The examples of one split, tokenised on first use.

    Attributes:
        name: task and split, such as `ioi/test`; it goes into every result.
        criterion: when an example counts as right.
    """

    name: str
    examples: Sequence[Example]
    tokenizer: Any = field(repr=False)
    criterion: Criterion = EXACT

    @cached_property
    def encoded(self) -> list[Encoded]:
        return [encode(self.tokenizer, example) for example in self.examples]

    def batches(
        self, size: int = 64, *, partner: Partner | None = None, seed: int = 0
    ) -> Iterator[Batch]:
        """Teacher-forced batches; with `partner` also the rows that replaced nodes come from.

        Raises:
            TaskError: an example does not tokenise as it must, or has no partner.
        """
        pad = getattr(self.tokenizer, "pad_token_id", None) or 0
        return make_batches(
            self.encoded, self.examples, size, partner=partner, seed=seed, pad_id=pad
        )

    @property
    def chance(self) -> float:
        """What a coin gets right: half, where one token is held against one foil; else 0.

        With several foils or right answers it is not known, so nothing is taken off.
        """
        pairs = all(len(e.answers) == len(e.foils) == 1 for e in self.examples)
        return 0.5 if pairs and self.criterion is FOIL else 0.0

    def take(self, n: int) -> "Split":
        """The first `n` examples."""
        return replace(self, name=f"{self.name}[:{n}]", examples=self.examples[:n])

    def subset(self, rows: Sequence[int], label: str) -> "Split":
        """Chosen examples, under a name that says so."""
        chosen = [self.examples[row] for row in rows]
        return replace(self, name=f"{self.name} ({label})", examples=chosen)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: Any) -> Any:
        return self.examples[index]


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A capability, as questions with answers.

    Attributes:
        name: under which results carry it.
        train, validation, test, reference: circuits are found on the first, sized on the second,
            reported on the third; means are taken over the fourth.
        metrics: name -> metric; the first is the one that attribution differentiates.
        config: what makes the same task again.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    reference: Split
    metrics: Mapping[str, Metric] = field(
        default_factory=lambda: {"log_likelihood": LOG_LIKELIHOOD}
    )
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        owner: dict[str, str] = {}
        for split in self.splits:
            if not len(split):
                raise TaskError(f"{split.name} has no examples")
            for example in split.examples:
                for key in (*example.content, example.prompt):
                    if owner.setdefault(key, split.name) != split.name:
                        raise TaskError(f"{owner[key]} and {split.name} share {key!r}")

    @property
    def splits(self) -> tuple[Split, Split, Split, Split]:
        return self.train, self.validation, self.test, self.reference

    @property
    def first_tokens(self) -> list[int]:
        """Every token that a prompt or counterfactual starts with, ascending."""
        rows = [item for split in self.splits for item in split.encoded]
        starts = {item.prompt[0] for item in rows}
        return sorted(starts | {item.counterfactual[0] for item in rows if item.counterfactual})

    def metric(self, name: str | None = None) -> Metric:
        """A metric by name; the task's main one by default.

        Raises:
            TaskError: the task has no metric of that name.
        """
        if name is None:
            return next(iter(self.metrics.values()))
        if name not in self.metrics:
            raise TaskError(f"{self.name} has no metric {name!r}: {nearest(name, self.metrics)}")
        return self.metrics[name]

    def counted_by(self, criterion: str) -> "Task":
        """The same task under another criterion of what is right.

        Raises:
            TaskError: there is no such criterion.
        """
        if criterion not in CRITERIA:
            raise TaskError(f"unknown criterion {criterion!r}: {nearest(criterion, CRITERIA)}")
        chosen = CRITERIA[criterion]
        splits = {
            field: replace(split, criterion=chosen)
            for field, split in zip(SPLITS, self.splits, strict=True)
        }
        return replace(self, config={**self.config, "criterion": criterion}, **splits)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(split)} {split.name.rpartition('/')[2]}" for split in self.splits)
        return f"Task({self.name}: {sizes})"
