"""Every question of six tasks on digits as tokens: what a base learns from, and is tested on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..errors import ModelError
from ..models import Model, Tokens
from ..tasks import (
    Form,
    Item,
    Operation,
    addition,
    comparison,
    copy,
    is_held_out,
    maximum,
    reversal,
    subtraction,
)
from ._tokenizer import character_tokenizer
from ._training import IGNORED

OPERATIONS: tuple[Operation, ...] = tuple(
    task.operation for task in (addition, subtraction, maximum, comparison, copy, reversal)
)
"""What the adder knows, addition first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Questions:
    """Questions of some operations in their default form, on one side of the held-out split.

    Attributes:
        ids: question, answer and padding behind them; padding is seen by nothing before it.
        labels: at each position the next token where that is of the answer, else `IGNORED`.
        operation: of each row, as its place in `OPERATIONS`.
        weights: how often each row is drawn; every operation's sum to 1, and so its kinds' are
            equal.
    """

    ids: Int[Tensor, "rows pos"]
    labels: Int[Tensor, "rows pos"]
    operation: Int[Tensor, " rows"]
    weights: Float[Tensor, " rows"]


@cache
def questions(*, held_out: bool) -> Questions:
    """All that are held out, or all others."""
    texts: list[str] = []
    ends: list[int] = []
    operation: list[int] = []
    weights: list[float] = []
    for number, own in enumerate(OPERATIONS):
        form = Form(operation=own, template=own.template, answer=own.answer)
        items = _side(own, held_out)
        results = [form.result(item) for item in items]
        texts += [form.prompt(item) + result for item, result in zip(items, results, strict=True)]
        ends += map(len, results)  # a character is a token
        operation += [number] * len(items)
        weights += _weights([own.kind(item) for item in items])
    ids, labels = _tokens(texts, ends)
    return Questions(
        ids=ids,
        labels=labels,
        operation=torch.tensor(operation),
        weights=torch.tensor(weights, dtype=torch.float64),
    )


def _side(operation: Operation, held_out: bool) -> list[Item]:
    kind = operation.operands
    every: list[Item] = list(kind.every(operation.digits, 1))
    return [item for item in every if is_held_out(kind.key(item)) == held_out]


def _weights(kinds: Sequence[str]) -> list[float]:
    counts = Counter(kinds)
    return [1 / (len(counts) * counts[kind]) for kind in kinds]


def _tokens(
    texts: Sequence[str], ends: Sequence[int]
) -> tuple[Int[Tensor, "rows pos"], Int[Tensor, "rows pos"]]:
    tokenizer = character_tokenizer()
    rows = tokenizer(list(texts)).input_ids
    longest = max(map(len, rows))
    pad = tokenizer.pad_token_id
    whole = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
    last = torch.tensor([len(row) for row in rows])[:, None]
    first = last - torch.tensor(ends)[:, None]
    place = torch.arange(1, longest)[None]
    answered = (place >= first) & (place < last)
    return whole[:, :-1], whole[:, 1:].where(answered, IGNORED)


@dataclass(frozen=True)
class Count:
    """`right` of `n` questions were answered exactly: all of the answer and its end."""

    right: int
    n: int


def held_out_counts(
    model: Model, *, n: int = 1000, seed: int = 0, batch_size: int = 500
) -> dict[str, Count]:
    """How many questions that no base is trained on a model answers, for each of `OPERATIONS`.

    Teacher-forced, which for greedy decoding is the same as generating, the end included.

    Args:
        model: a model with `character_tokenizer`.
        n: questions of each, at most; kinds have equal shares, as far as there are so many.
        seed: of which.
        batch_size: questions per forward.

    Raises:
        ModelError: the model has another tokenizer.
    """
    if model.tokenizer.get_vocab() != character_tokenizer().get_vocab():
        raise ModelError(
            f"{model.name} does not have the adder's tokenizer: measure it with `tapeout.verify`"
        )
    new = questions(held_out=True)
    generator = torch.Generator().manual_seed(seed)
    counts = {}
    for number, operation in enumerate(OPERATIONS):
        weights = new.weights * (new.operation == number)
        there = int((weights > 0).sum())
        rows = torch.multinomial(weights, min(n, there), generator=generator)
        right = torch.cat([_right(model, new, part) for part in rows.split(batch_size)])
        counts[operation.name] = Count(int(right.sum()), len(rows))
    return counts


def _right(model: Model, asked: Questions, rows: Int[Tensor, " some"]) -> Bool[Tensor, " some"]:
    labels = asked.labels[rows]
    with torch.no_grad(), model.frozen():
        written = model.logits(Tokens(asked.ids[rows])).argmax(dim=-1).cpu()
    return ((written == labels) | (labels == IGNORED)).all(dim=-1)
