"""What bridges are trained to make small: errors of activations, and of next-token predictions."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def nmse(
    predicted: Float[Tensor, "rows pos width"], wanted: Float[Tensor, "rows pos width"]
) -> Float[Tensor, ""]:
    """Normalised mean squared error: every token's error as a part of its own size, on average.

    Gradients reach what is predicted only. A token counts as no smaller than the median of those
    that are not all zeros, as embeddings of a sparse model often are. The paper does not say what
    it divides by.

    Source: weight-sparse transformers, appendix A.3.
    """
    wanted = wanted.detach()
    size = wanted.float().square().sum(dim=-1)
    error = (predicted - wanted).float().square().sum(dim=-1)
    least = torch.where(size > 0, size, torch.nan).nanmedian().nan_to_num(1.0)
    return (error / size.clamp(min=least)).mean()


@dataclass(frozen=True)
class Wanted:
    """What the dense model says of every next token.

    Attributes:
        probability: shape [rows, pos, vocab], float32.
        entropy: in nats.
    """

    probability: Float[Tensor, "rows pos vocab"]
    entropy: Float[Tensor, "rows pos"]

    @classmethod
    def of(cls, logits: Float[Tensor, "rows pos vocab"]) -> "Wanted":
        logp = logits.detach().float().log_softmax(dim=-1)
        probability = logp.exp()
        return cls(probability, -_dot(probability, logp))

    def rows(self, chosen: Tensor | slice) -> "Wanted":
        return Wanted(self.probability[chosen], self.entropy[chosen])

    def kl(self, logits: Float[Tensor, "rows pos vocab"]) -> Float[Tensor, "rows pos"]:
        """KL(dense, other) of every position, in nats, from the other's logits."""
        crossed = _CrossEntropy.apply(logits, self.probability)
        assert isinstance(crossed, Tensor)
        return crossed - self.entropy


class _CrossEntropy(torch.autograd.Function):
    """Against probabilities, with the gradient made on the way: logits are large, passes few."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, probability: Tensor) -> Tensor:
        logq = logits.float().log_softmax(dim=-1)
        crossed = -_dot(probability, logq)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(logq.exp_().sub_(probability))
            ctx.dtype = logits.dtype
        return crossed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # pyright: ignore
        (slope,) = ctx.saved_tensors
        return (slope * gradient[..., None]).to(ctx.dtype), None


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return torch.einsum("rpv,rpv->rp", one, other)
