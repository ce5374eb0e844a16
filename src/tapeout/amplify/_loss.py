"""The loss of a targeted update: each record's own two tokens, one against the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..models import Model, Stem, Tokens
from ._records import LocalisationSet, Record

Loss = Literal["log_sigmoid", "logit_difference"]
Reach = Literal["behind_prefix", "all", "last"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """Records that run at once, filled up on the right: what stands behind a token of a causal
    model does not reach it, so no mask is needed.

    Attributes:
        tokens: the shared prefix, what follows it up to the intervention token, and the filling.
        last: the intervention token's column.
        desired, undesired: each record's own.
        weights: each record's in the loss.
    """

    tokens: Tokens
    last: Int[Tensor, " rows"]
    desired: Int[Tensor, " rows"]
    undesired: Int[Tensor, " rows"]
    weights: Float[Tensor, " rows"]


def weights_of(records: Sequence[Record], balanced: bool) -> list[float]:
    """1 each; balanced: as much in all for records whose greedy answer is right as for the others.

    They are 1 on average. With records of one kind alone there is nothing to balance.
    """
    right = sum(record.greedy_right for record in records)
    kinds = {True: right, False: len(records) - right}
    if not balanced or not all(kinds.values()):
        return [1.0] * len(records)
    return [len(records) / (2 * kinds[record.greedy_right]) for record in records]


def rows_of(
    records: LocalisationSet,
    chosen: Sequence[int],
    weights: Sequence[float],
    most: int,
    *,
    even: bool = False,
) -> Iterator[Rows]:
    """The chosen records in parts of at most `most`, of like lengths; `even`: of equal ones."""
    length = lambda number: len(records.records[number].tokens)  # noqa: E731
    ordered = sorted(chosen, key=length)
    groups = [list(same) for _, same in groupby(ordered, key=length)] if even else [ordered]
    for group in groups:
        for start in range(0, len(group), most):
            part = group[start : start + most]
            own = [records.records[number] for number in part]
            longest = length(part[-1])
            rows = [records.prefix + r.tokens + (0,) * (longest - len(r.tokens)) for r in own]
            yield Rows(
                tokens=Tokens(torch.tensor(rows)),
                last=torch.tensor([len(records.prefix + r.tokens) - 1 for r in own]),
                desired=torch.tensor([record.desired for record in own]),
                undesired=torch.tensor([record.undesired for record in own]),
                weights=torch.tensor([weights[number] for number in part]),
            )


def differences(
    model: Model, rows: Rows, stem: Stem | None, reach: Reach
) -> Float[Tensor, " rows"]:
    """The logit of each record's desired token less that of its undesired one.

    Args:
        model: in the weights that `stem` was read with.
        rows: the records; of one length where only the `last` position is reached.
        stem: the shared prefix; None if there is none.
        reach: through which positions the gradient goes. Those before them are constants.
    """
    length = rows.tokens.ids.shape[1]
    columns = {"all": 0, "behind_prefix": stem.columns if stem else 0, "last": length - 1}[reach]
    held = model.read(rows.tokens, columns, stem=stem)
    keep = length - int(rows.last.min())
    logits = model.logits(rows.tokens, keep=keep, after=held)
    at = torch.arange(len(logits), device=logits.device)
    logits = logits[at, (rows.last - length).to(logits.device)].float()
    desired, undesired = rows.desired.to(logits.device), rows.undesired.to(logits.device)
    return logits[at, desired] - logits[at, undesired]


def losses(difference: Float[Tensor, " rows"], loss: Loss) -> Float[Tensor, " rows"]:
    """`logit_difference` is the paper's and has no lower bound; the other ends at 0."""
    return -difference if loss == "logit_difference" else F.softplus(-difference)
