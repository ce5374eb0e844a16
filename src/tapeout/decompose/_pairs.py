"""Gradients of contrastive pairs, such as a prompt and its counterfactual (paper 4, extensions)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import DecomposeError, TaskError
from ..models import Model
from ..tasks import Split
from ._collect import GradientConfig, Taken, about, gathered, joined, taking_of
from ._compute import Taking
from ._gradients import Gradients
from ._store import Store

Pair = tuple[Tensor, Tensor]
"""A row and what it is compared with, of one shape."""


@dataclass(frozen=True, kw_only=True)
class PairConfig(GradientConfig):
    """How gradients of pairs are taken.

    Attributes:
        samples: what a pair is compared by: its last position (`last`, as a rule for prompts), or
            all of its output (`row`).
        shared: whether it counts what weights do at the tokens that both sides begin with, where
            they cannot tell one side from the other; most of all at the first token, on which
            language models park massive activations. Leaving that out takes the structured path.
    """

    shared: bool = True


def pairs_of(split: Split) -> list[Pair]:
    """The prompts of a split beside their counterfactuals, as tokens.

    Raises:
        TaskError: an example has no counterfactual.
    """
    for item, example in zip(split.encoded, split.examples, strict=True):
        if not item.counterfactual:
            raise TaskError(
                f"pairs need a counterfactual for every example; {example.prompt!r} has none"
            )
    return [(torch.tensor(e.prompt), torch.tensor(e.counterfactual)) for e in split.encoded]


def collect_pairs(
    model: nn.Module | Model,
    pairs: Sequence[Pair] | Split,
    config: PairConfig | None = None,
    *,
    folder: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Gradients:
    """The gradients of the divergence of every first side's output from its second side's.

    With random references a gradient holds all that tells a sample from any other; with a second
    side that differs in one respect it holds the weights that this respect goes through.

    Args:
        model: any module that maps rows to rows, or a language model.
        pairs: rows of any shapes, both sides of a pair of one; or a split, see `pairs_of`.
        config: how.
        folder: where to write them instead of keeping them in memory; where it holds some of
            them, the rest is added.
        progress: called with the batches done and all of them.

    Returns:
        One gradient for every pair, in their order.

    Raises:
        DecomposeError: no pairs, sides of different shapes, no such parameter, divergence or
            samples; the structured path was asked for and does not fit; or the folder holds
            something else.
        TaskError: an example has no counterfactual.
    """
    config = config or PairConfig()
    pairs = pairs_of(pairs) if isinstance(pairs, Split) else list(pairs)
    _check(pairs, config)
    taking = taking_of(model, config)
    device = next(taking.network.module.parameters()).device
    batches = torch.arange(len(pairs)).tensor_split(ceil(len(pairs) / config.batch_size))
    with taking.network.frozen():
        store = None
        if folder is not None:
            data = {
                f"{i}.{side}": row for i, pair in enumerate(pairs) for side, row in enumerate(pair)
            }
            of = about(taking, config, data)
            store = Store.create(Path(folder), of, [len(own) for own in batches])

        def batch(number: int) -> Taken:
            own = [pairs[place] for place in batches[number].tolist()]
            return _of(taking, [(a.to(device), b.to(device)) for a, b in own], config.shared)

        return gathered(taking, batch, len(batches), store, progress)


def _check(pairs: Sequence[Pair], config: PairConfig) -> None:
    if not pairs:
        raise DecomposeError("there are no pairs to take gradients of")
    if config.samples == "token":
        raise DecomposeError(
            "pairs are compared at their last position (samples='last') or by all of the output "
            "(samples='row'), not token by token"
        )
    for place, (first, second) in enumerate(pairs):
        if first.shape != second.shape:
            raise DecomposeError(
                f"the sides of pair {place} have shapes {list(first.shape)} and "
                f"{list(second.shape)}: both must be of one"
            )
        if not config.shared and (first.is_floating_point() or first.dim() != 1):
            raise DecomposeError(
                "only rows of tokens have a beginning that both sides share: take shared=True"
            )


def _of(taking: Taking, pairs: list[Pair], shared: bool) -> Taken:
    """The gradients of some pairs, those of one shape together, in the order of the pairs."""
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, (first, _) in enumerate(pairs):
        alike[tuple(first.shape)].append(place)
    parts = []
    for places in alike.values():
        first, second = (torch.stack([pairs[place][side] for place in places]) for side in (0, 1))
        counted = None if shared else (first != second).cumsum(1) > 0
        parts.append(taking.of(first, taking.outputs(second), counted))
    order = torch.tensor([place for places in alike.values() for place in places])
    return joined(parts).rows(order.argsort())
