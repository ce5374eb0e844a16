"""Activations of a run, to be given to another."""

from collections.abc import Iterable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from ..models import Model, Prefix, Tap, Tokens, Watch, attached
from ._replacements import Where


def record(
    model: Model, tokens: Tokens, where: Iterable[Where], *, after: Prefix | None = None
) -> dict[Where, Float[Tensor, "rows pos width"]]:
    """What the given sites hold in a run of `tokens`, behind the columns of `after` if given.

    Raises:
        ModelError: the model has no such site.
    """
    seen: dict[Where, Tensor] = {}

    def keep(key: Where, tap: Tap, whole: Tensor) -> None:
        seen[key] = tap.select(whole).detach()

    taps = {key: model.tap(*key) for key in where}
    watches: list[tuple[Tap, Watch]] = [(tap, partial(keep, key, tap)) for key, tap in taps.items()]
    with torch.no_grad(), attached(watches):
        model.logits(tokens, keep=1, after=after)
    return seen
