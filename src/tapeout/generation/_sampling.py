"""The next token: the likeliest, or one drawn with a seed of the row's own."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import GenerationError

FEW = 256
"""Tokens among which the likeliest are looked for first."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a token is drawn from a model's distribution.

    Attributes:
        temperature: logits are divided by it.
        top_p: draw among the likeliest tokens that have this probability together.
        top_k: draw among so many likeliest tokens; 0 for all. Comes before `top_p`. Tokens that
            are as likely as the last one of them are among them.
        seed: a row's draws depend on it and on the row's place among the prompts alone.

    Raises:
        GenerationError: a value that nothing can be drawn with.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise GenerationError(
                f"a temperature must be above 0, not {self.temperature}; for the likeliest token, "
                "leave sampling out"
            )
        if not 0 < self.top_p <= 1:
            raise GenerationError(f"top_p must be above 0 and at most 1, not {self.top_p}")
        if self.top_k < 0 or self.seed < 0:
            raise GenerationError("top_k and seed must not be below 0")

    def draws(self, row: int) -> np.random.Generator:
        """The random numbers of one row, one a token."""
        return np.random.default_rng([self.seed, row])

    def choose(
        self, logits: Float[Tensor, "rows vocab"], draws: list[float]
    ) -> Int[Tensor, " rows"]:
        """The tokens that numbers between 0 and 1 stand for."""
        logits = logits.float() / self.temperature
        if 0 < self.top_k < logits.shape[-1]:
            floor = logits.topk(self.top_k, dim=-1).values[:, -1:]
            logits = logits.masked_fill(logits < floor, -torch.inf)
        shares = logits.softmax(dim=-1)
        if self.top_p == 1:
            return _drawn(shares, draws)[:, 0]
        shares, ids = _nucleus(shares, self.top_p)
        return ids.gather(-1, _drawn(shares, draws))[:, 0]


def _drawn(shares: Float[Tensor, "rows tokens"], draws: list[float]) -> Int[Tensor, "rows 1"]:
    """Where the sums of shares pass the numbers."""
    sums = shares.cumsum(dim=-1, dtype=torch.float64)
    at = torch.tensor(draws, dtype=torch.float64, device=sums.device)[:, None] * sums[:, -1:]
    return torch.searchsorted(sums, at, right=True).clamp(max=shares.shape[-1] - 1)


def _nucleus(
    shares: Float[Tensor, "rows vocab"], top_p: float
) -> tuple[Float[Tensor, "rows few"], Int[Tensor, "rows few"]]:
    """The smallest set that has `top_p` together, and what is as likely as its last one.

    Returns:
        Shares and tokens in the order of the vocabulary; those of no share come last.
    """
    vocab, few = shares.shape[-1], min(FEW, shares.shape[-1])
    while True:
        likeliest, ids = shares.topk(few, dim=-1)
        sums = likeliest.cumsum(dim=-1, dtype=torch.float64)
        last = (sums < top_p).sum(dim=-1, keepdim=True).clamp(max=few - 1)
        floor = likeliest.gather(-1, last)
        if few == vocab or bool((likeliest[:, -1:] < floor).all()):
            break
        few = min(8 * few, vocab)
    inside = likeliest >= floor
    order = ids.where(inside, vocab).argsort(dim=-1)
    return likeliest.where(inside, 0).gather(-1, order), ids.gather(-1, order)
