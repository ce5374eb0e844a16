"""Accuracy by group of examples, and by place in the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..errors import TaskError, nearest
from ..tasks import Batch, Criterion, Metric, Split
from ._intervals import Share

DEFINITION = (
    "the first token of the answer that is wrong under teacher forcing, so the first that greedy "
    "decoding gets wrong; of a single-token answer by the task's criterion"
)


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """Accuracy of several runs over the examples of one group.

    Attributes:
        stratum, value: what divides the examples, and the group: `carry`, `none`.
        n: examples in it.
        accuracy: run -> share of them that is right.
    """

    stratum: str
    value: str
    n: int
    accuracy: Mapping[str, Share]

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        shares = {run: share.to_dict() for run, share in self.accuracy.items()}
        return {"n": self.n} | shares


@dataclass(frozen=True, kw_only=True)
class AnswerToken:
    """Where answers go wrong: one place in the answer, for several runs.

    Attributes:
        token: the place, from 1.
        n: examples whose answer is that long.
        first_wrong: run -> share of these whose first wrong token it is.
        right: run -> of those that are right up to there, the share that is right there too; None
            if there is none.
    """

    token: int
    n: int
    first_wrong: Mapping[str, Share]
    right: Mapping[str, Share | None]

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "n": self.n,
            "first_wrong": {run: share.to_dict() for run, share in self.first_wrong.items()},
            "right": {run: share and share.to_dict() for run, share in self.right.items()},
        }


@dataclass(frozen=True, kw_only=True)
class ByStratum:
    """The same runs, example by example, in groups; every share has its 95% Wilson interval."""

    strata: list[Stratum] = field(default_factory=list)
    tokens: list[AnswerToken] = field(default_factory=list)

    def of(self, stratum: str, value: str) -> Stratum:
        """One group.

        Raises:
            TaskError: there is none of that name.
        """
        found = {(item.stratum, item.value): item for item in self.strata}
        if (stratum, value) not in found:
            known = [f"{name}: {group}" for name, group in found]
            raise TaskError(f"no group {stratum}: {value}: {nearest(f'{stratum}: {value}', known)}")
        return found[stratum, value]

    def to_dict(self) -> dict[str, Any]:
        """Plain values: stratum -> group -> shares; and places in the answer."""
        groups: dict[str, dict[str, Any]] = {}
        for item in self.strata:
            groups.setdefault(item.stratum, {})[item.value] = item.to_dict()
        places = {str(item.token): item.to_dict() for item in self.tokens}
        return {"by": groups, "answer_tokens": places, "first_wrong_is": DEFINITION}


def stratum_names(split: Split, wanted: Sequence[str] | None = None) -> list[str]:
    """Names of the strata of a split's examples, in their order.

    Args:
        split: the examples.
        wanted: take only these.

    Raises:
        TaskError: no example has one of those that are wanted.
    """
    names = list(dict.fromkeys(name for example in split.examples for name in example.strata))
    for name in wanted or ():
        if name not in names:
            raise TaskError(f"{split.name} has no stratum {name!r}: {nearest(name, names)}")
    return names if wanted is None else list(wanted)


def by_stratum(
    split: Split,
    correct: Mapping[str, Bool[Tensor, " examples"]],
    wrong_at: Mapping[str, Float[Tensor, " examples"]] | None = None,
    *,
    strata: Sequence[str] | None = None,
) -> ByStratum:
    """Divide what runs got right by the strata of the examples.

    Args:
        split: the examples.
        correct: run -> whether each example is right, in the split's order, as in
            `Outcome.correct`.
        wrong_at: run -> the place of each example's first wrong token, as the metric of
            `first_wrong` gives it; without it nothing is said of places in the answer.
        strata: names of strata; None for all that the examples have.

    Raises:
        TaskError: no example has such a stratum.

    Source: paper 1, appendix (exp. 7).
    """
    groups: list[Stratum] = []
    for name in stratum_names(split, strata):
        values = [example.strata.get(name) for example in split.examples]
        for value in sorted({value for value in values if value is not None}):
            rows = torch.tensor([own == value for own in values])
            n = int(rows.sum())
            shares = {run: Share(int(right[rows].sum()), n) for run, right in correct.items()}
            groups.append(Stratum(stratum=name, value=value, n=n, accuracy=shares))
    lengths = torch.tensor([len(item.answers[0]) for item in split.encoded])
    tokens = [_token(place, lengths, wrong_at) for place in range(1, int(lengths.max()) + 1)]
    return ByStratum(strata=groups, tokens=tokens if wrong_at else [])


def _token(place: int, lengths: Tensor, wrong_at: Mapping[str, Tensor] | None) -> AnswerToken:
    long = lengths >= place
    n = int(long.sum())
    first, right = {}, {}
    for run, wrong in (wrong_at or {}).items():
        reached = long & ((wrong == 0) | (wrong >= place))
        fails, count = int((wrong[long] == place).sum()), int(reached.sum())
        first[run] = Share(fails, n)
        right[run] = Share(count - fails, count) if count else None
    return AnswerToken(token=place, n=n, first_wrong=first, right=right)


def first_wrong(criterion: Criterion) -> Metric:
    """The place of the first wrong token of each answer, from 1; 0 where all are right."""

    def of(logits: Float[Tensor, "rows length vocab"], batch: Batch) -> Float[Tensor, " rows"]:
        if batch.answer_length == 1:
            return (~criterion.of(logits, batch)).float()
        right = logits.argmax(dim=-1) == batch.answers.to(logits.device)
        places = right.long().cumprod(dim=1).sum(dim=1) + 1
        return torch.where(right.all(dim=1), 0, places).float()

    return Metric("first wrong token", DEFINITION, of)
