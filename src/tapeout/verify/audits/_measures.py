"""Single numbers for a cloud of activations, or for two over the same examples."""

import torch
from jaxtyping import Float
from torch import Tensor

from ._moments import Moments

DEFINITIONS = {
    "effective_rank": (
        "exponential of the entropy of the singular values of the centred activations, divided by "
        "their sum (Roy & Vetterli 2007); 0 where nothing varies"
    ),
    "participation_ratio": (
        "squared sum of the variances along principal directions over the sum of their squares"
    ),
    "cka": "linear CKA of centred activations on the same examples (Kornblith et al. 2019)",
    "top_overlap": (
        "mean squared cosine of the principal angles between the two models' spans of the top "
        "principal directions; two random spans have the number of directions over the width"
    ),
}


def rank_of(values: Float[Tensor, " values"]) -> float:
    """Effective rank from singular values."""
    total = values.sum()
    if not bool(total > 0):
        return 0.0
    share = values / total
    return float(torch.special.entr(share).sum().exp())


def participation_of(values: Float[Tensor, " values"]) -> float:
    """Participation ratio from singular values."""
    variances = values.square()
    squares = variances.square().sum()
    return float(variances.sum() ** 2 / squares) if bool(squares > 0) else 0.0


def overlap_of(both: Moments, k: int) -> float | None:
    """Overlap of the first two parts' top-k spans; None where one has fewer directions."""
    if any(int((both.spectrum(part) > 0).sum()) < k for part in (0, 1)):
        return None
    one, two = both.directions(k, 0), both.directions(k, 1)
    return float((one.T @ two).square().sum() / k)


def effective_rank(rows: Float[Tensor, "rows width"]) -> float:
    """How many directions activations really use, from 1 to their width.

    The exponential of the entropy of the singular values of the centred rows, each divided by
    their sum; 0 where all rows are equal.

    Source: Roy & Vetterli 2007, section 2; paper 1, appendix (exp. 6).
    """
    return rank_of(_moments(rows).spectrum())


def participation_ratio(rows: Float[Tensor, "rows width"]) -> float:
    """As `effective_rank`, from variances: their squared sum over the sum of their squares."""
    return participation_of(_moments(rows).spectrum())


def linear_cka(x: Float[Tensor, "rows width"], y: Float[Tensor, "rows width2"]) -> float | None:
    """Similarity of two models' activations on the same examples, from 0 to 1.

    It is 1 for activations that differ by a rotation, a common scale and a shift. None where one
    side does not vary.

    Source: Kornblith et al. 2019, section 3; paper 1, appendix (exp. 4 controls).
    """
    return _moments(x, y).cka()


def subspace_overlap(
    x: Float[Tensor, "rows width"], y: Float[Tensor, "rows width"], k: int = 10
) -> float | None:
    """Mean squared cosine of the principal angles between two top-k principal subspaces.

    1 for equal spans, 0 for orthogonal ones, k over the width for random ones. None where one
    side varies along fewer than k directions.

    Source: paper 1, appendix (exp. 4 controls); the definition is ours, as the paper names none.
    """
    return overlap_of(_moments(x, y), k)


def _moments(*parts: Tensor) -> Moments:
    moments = Moments(*(part.shape[1] for part in parts))
    moments.add(*parts)
    return moments
