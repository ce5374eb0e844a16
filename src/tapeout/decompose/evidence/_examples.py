"""Which tokens a direction makes more and less likely."""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from ._moving import Moving


@dataclass(frozen=True, kw_only=True)
class TokenChange:
    """A token, and how fast its log-probability changes along a direction (nats per unit)."""

    token: int
    slope: float


def changed_tokens(
    moving: Moving,
    direction: Mapping[str, Tensor],
    samples: Int[Tensor, " chosen"],
    most: int,
) -> tuple[list[TokenChange], list[TokenChange]]:
    """The tokens whose log-probability rises and falls most, on average over samples.

    Args:
        moving: the model.
        direction: v, written out.
        samples: as a rule those on which the direction has most impact.
        most: so many of either.
    """
    slopes = moving.derivatives(direction, samples)
    slopes = slopes.reshape(-1, slopes.shape[-1]).mean(0)
    most = min(most, len(slopes))
    ends = []
    for values in (slopes, -slopes):
        places = values.topk(most).indices.tolist()
        ends.append([TokenChange(token=place, slope=float(slopes[place])) for place in places])
    return ends[0], ends[1]
