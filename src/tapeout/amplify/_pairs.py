"""Pairs of tokens as a split, so that whatever reads examples reads them too."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from ..errors import AmplifyError
from ..models import Model
from ..tasks import FOIL, Batch, Encoded, Example, Partner, Split, make_batches
from ._records import LocalisationSet, Record

Balance = Literal["none", "fewer", "repeat"]
Problem = tuple[str, int]


@dataclass(frozen=True, eq=False)
class PairSplit(Split):
    """Records of a localisation set: what was written is the prompt, the desired token the answer,
    the undesired one the foil.

    Attributes:
        prefix: token ids that every record starts behind.
        records: one per example.
    """

    prefix: tuple[int, ...] = field(default=(), repr=False)
    records: Sequence[Record] = field(default=(), repr=False)

    @cached_property
    def encoded(self) -> list[Encoded]:
        return [
            Encoded(
                prompt=[*self.prefix, *record.tokens],
                answers=[[record.desired]],
                foils=[[record.undesired]],
                counterfactual=[],
                counterfactual_answer=[],
            )
            for record in self.records
        ]

    def batches(
        self, size: int = 64, *, partner: Partner | None = None, seed: int = 0
    ) -> Iterator[Batch]:
        """Full batches: pairs differ in length, and few would else come together."""
        options: dict[str, Any] = {"partner": partner, "seed": seed, "full": True}
        return make_batches(self.encoded, self.examples, size, **options)

    @property
    def problems(self) -> list[Problem]:
        """Which problem each record is of."""
        return [_problem(record) for record in self.records]

    def take(self, n: int) -> "PairSplit":
        return self._chosen(range(min(n, len(self))), f"{self.name}[:{n}]")

    def subset(self, rows: Sequence[int], label: str) -> "PairSplit":
        return self._chosen(rows, f"{self.name} ({label})")

    def balanced(self, how: Balance, seed: int = 0) -> "PairSplit":
        """As many pairs whose greedy answer was right as pairs whose was wrong.

        Args:
            how: `fewer` leaves out some of the commoner kind, by chance; `repeat` takes those of
                the rarer kind several times; `none` leaves all as they are.
            seed: of which are taken.

        Raises:
            AmplifyError: there is only one kind.
        """
        if how == "none":
            return self
        kinds: tuple[list[int], list[int]] = ([], [])
        for row, record in enumerate(self.records):
            kinds[record.greedy_right].append(row)
        rare, common = sorted(kinds, key=len)
        if not rare:
            kind = "right" if kinds[True] else "wrong"
            raise AmplifyError(
                f"{self.name} has only pairs whose greedy answer was {kind}, so there is nothing "
                "to balance: collect the other kind too, or take balance none"
            )
        generator = random.Random(f"balance/{seed}")
        if how == "fewer":
            rows = [*rare, *generator.sample(common, len(rare))]
        else:
            whole, rest = divmod(len(common), len(rare))
            rows = [*common, *rare * whole, *generator.sample(rare, rest)]
        return self.subset(sorted(rows), f"balanced, {how}")

    def _chosen(self, rows: Sequence[int], name: str) -> "PairSplit":
        return replace(
            self,
            name=name,
            examples=[self.examples[row] for row in rows],
            records=[self.records[row] for row in rows],
        )


def pair_split(pairs: LocalisationSet, model: Model) -> PairSplit:
    """All records of a set as one split.

    Raises:
        AmplifyError: a record is none that the model could read, or has no two tokens to compare.
    """
    words = model.hf.get_input_embeddings().num_embeddings
    for row in range(len(pairs)):
        _check(pairs, row, words)
    examples = [
        Example(
            prompt=f"{pairs.name}:{row}",
            answers=(f"token {record.desired}",),
            foils=(f"token {record.undesired}",),
            strata={"greedy": "right" if record.greedy_right else "wrong"},
            content=(f"{record.template_id}/{record.instance_id}",),
        )
        for row, record in enumerate(pairs.records)
    ]
    own = {"prefix": pairs.prefix, "records": pairs.records}
    return PairSplit(pairs.name, examples, None, FOIL, **own)


def divide(
    split: PairSplit, *, validation: float = 0.15, test: float = 0.15, seed: int = 0
) -> tuple[PairSplit, PairSplit, PairSplit]:
    """Train, validation and test; all pairs of one problem are on one side.

    Args:
        split: the pairs.
        validation, test: shares of the problems.
        seed: of which problems go where.

    Raises:
        AmplifyError: there are too few problems for three parts.
    """
    problems = sorted(set(split.problems))
    random.Random(f"pairs/{seed}").shuffle(problems)
    held = [max(round(share * len(problems)), 1) for share in (validation, test)]
    if len(problems) <= sum(held):
        raise AmplifyError(
            f"{split.name} has pairs of {len(problems)} problems, too few to keep {sum(held)} of "
            "them apart: collect more pairs"
        )
    ends = (held[0], sum(held))
    sides = {problem: _side(place, ends) for place, problem in enumerate(problems)}
    rows: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for row, problem in enumerate(split.problems):
        rows[sides[problem]].append(row)
    train, valid, last = (split.subset(own, side) for side, own in rows.items())
    return train, valid, last


def _side(place: int, ends: tuple[int, int]) -> str:
    if place < ends[0]:
        return "validation"
    return "test" if place < ends[1] else "train"


def _problem(record: Record) -> Problem:
    return record.template_id, record.instance_id


def _check(pairs: LocalisationSet, row: int, words: int) -> None:
    record = pairs.records[row]
    ids: list[Any] = [*pairs.prefix, *record.tokens, record.desired, record.undesired]
    if record.desired == record.undesired:
        raise AmplifyError(f"record {row} of {pairs.name} desires the token that it does not")
    if not pairs.prefix and not record.tokens:
        raise AmplifyError(f"record {row} of {pairs.name} has nothing before its two tokens")
    if not all(0 <= token < words for token in ids):
        raise AmplifyError(
            f"record {row} of {pairs.name} has the token {max(ids)}, but the model knows {words}: "
            "the set was made with another tokenizer"
        )
