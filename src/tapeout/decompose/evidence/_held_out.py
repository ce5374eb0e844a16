"""What a set of directions leaves of gradients that it was not made from."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ...verify import Average
from .._gradients import Gradients
from .._topk import batch_top_k
from ._candidates import Candidate
from ._ratio import ratio_of_sums

RIDGE = 1e-6
"""Of a fit: directions that say the same would make it have no single solution."""


@dataclass(frozen=True, eq=False, kw_only=True)
class HeldOut:
    """Squared errors of every sample, of which so many coefficients count on average.

    Attributes:
        left: |g - cV|² with the coefficients that the encoder gives.
        fitted: the same with those of the same directions that fit best.
        energy: |g|².
        used: the part of samples in which each direction counts.
    """

    left: Float[Tensor, " samples"]
    fitted: Float[Tensor, " samples"]
    energy: Float[Tensor, " samples"]
    used: Float[Tensor, " count"]

    def error(self, *, each: int = 1) -> Average:
        """The part of the energy that is not rebuilt, with a bootstrap over rows."""
        return ratio_of_sums(self.left, self.energy, each=each)

    def fitted_error(self, *, each: int = 1) -> Average:
        return ratio_of_sums(self.fitted, self.energy, each=each)

    def below(self, other: "HeldOut", *, each: int = 1, fitted: bool = False) -> Average:
        """By how much this error is lower than another's on the same samples."""
        mine, theirs = (self.fitted, other.fitted) if fitted else (self.left, other.left)
        return ratio_of_sums(theirs - mine, self.energy, each=each)


def held_out(candidate: Candidate, gradients: Gradients, active: float) -> HeldOut:
    """Rebuild gradients from the directions that count.

    Args:
        candidate: the directions.
        gradients: made ready as those that it was made from.
        active: the part of all coefficients that counts, over all samples as one batch.
    """
    codes = candidate.coefficients(gradients)
    along = codes if candidate.tied else candidate.along(gradients)
    energy, gram = gradients.squared_norms(), candidate.gram()
    counts = batch_top_k(codes, active)
    kept = codes * counts
    left = energy - 2 * (kept * along).sum(1) + ((kept @ gram) * kept).sum(1)
    best = _fit(counts, along, gram)
    fitted = energy - (best * along).sum(1)
    return HeldOut(
        left=left.clamp(min=0),
        fitted=fitted.clamp(min=0),
        energy=energy,
        used=counts.float().mean(0),
    )


def _fit(
    counts: Bool[Tensor, "samples count"],
    along: Float[Tensor, "samples count"],
    gram: Float[Tensor, "count count"],
) -> Float[Tensor, "samples count"]:
    """Least squares over the directions that count, sample by sample."""
    found = torch.zeros_like(along)
    for row, own in enumerate(counts):
        places = own.nonzero().flatten()
        if len(places):
            square = gram[places][:, places] + RIDGE * torch.eye(len(places)).to(gram)
            found[row, places] = torch.linalg.solve(square, along[row, places])
    return found
