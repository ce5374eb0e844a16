"""Whether a direction changes what the model says where it is active, and little elsewhere."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...verify import Average
from .._gradients import Gradients
from .._topk import batch_top_k
from ._candidates import Candidate
from ._moving import Moving

LEAST = 3
"""Samples in which a direction must be active, and in which it must not be."""


@dataclass(frozen=True, kw_only=True, order=True)
class Step:
    """What one length of a direction does: as in `Specific`."""

    moved: float
    active: float
    rest: float


@dataclass(frozen=True, kw_only=True)
class Specific:
    """The effect of one direction.

    Attributes:
        direction: its place.
        samples: in how many samples it is active.
        moved: how far, as a part of the norm of the weights that move.
        active: mean KL over (some of) those, in nats.
        rest: over as many others.
        steps: the three of every length that was tried, the shortest first.
    """

    direction: int
    samples: int
    moved: float
    active: float
    rest: float
    steps: Sequence[Step] = ()

    @property
    def ratio(self) -> float:
        return self.active / max(self.rest, 1e-12)


@dataclass(frozen=True, kw_only=True)
class Specificity:
    """The effects of some directions of a set.

    Attributes:
        rows: of each.
        left_out: directions that are active in too few samples, or in too many, to be measured.
    """

    rows: Sequence[Specific]
    left_out: int

    @property
    def ratio(self) -> Average:
        """The geometric mean of active over rest, with a bootstrap over directions."""
        found = Average.resampled([math.log(max(row.ratio, 1e-12)) for row in self.rows])
        value, low, high = map(math.exp, (found.value, found.low, found.high))
        return Average(value, low, high, found.n)

    @property
    def moved(self) -> float:
        """How far directions are moved, the geometric mean."""
        return math.exp(sum(math.log(row.moved) for row in self.rows) / len(self.rows))


def mean_impacts(candidate: Candidate, sets: Sequence[Gradients]) -> Float[Tensor, "samples count"]:
    """How strongly each direction bears on each sample, over several references (eq. 10).

    Args:
        candidate: the directions.
        sets: the same samples' gradients against a reference each.
    """
    return torch.stack([candidate.coefficients(one).abs() for one in sets]).mean(0)


def specificities(
    candidate: Candidate,
    moving: Moving,
    impacts: Float[Tensor, "samples count"],
    *,
    active: float,
    effect: float = 0.01,
    directions: int = 12,
    samples: int = 32,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Specificity:
    """Move the weights along directions, one by one and both ways, until predictions change.

    Directions differ by orders of magnitude in what a step of one length does, and a large change
    hides where it began, so all are moved as far as the mean change is the same.

    Args:
        candidate: the directions.
        moving: the model, with the samples of `impacts`.
        impacts: see `mean_impacts`.
        active: the part of all impacts, the largest, at which a direction is active.
        effect: mean KL over the samples that are drawn, in nats.
        directions: so many are drawn of those that are active in enough samples.
        samples: at most so many in which it is active, and as many others, both drawn.
        seed: of the draws.
        progress: called with the directions done and all of them.
    """
    draws = torch.Generator().manual_seed(seed)
    counts = batch_top_k(impacts, active)
    often = counts.sum(0)
    fit = ((often >= LEAST) & (len(counts) - often >= LEAST)).nonzero().flatten()
    chosen = fit[torch.randperm(len(fit), generator=draws)[:directions]].sort().values
    rows = []
    for done, index in enumerate(chosen.tolist(), 1):
        direction = candidate.dense(index)
        places = [counts[:, index].nonzero().flatten(), (~counts[:, index]).nonzero().flatten()]
        taken = min(samples, *map(len, places))
        drawn = [some[torch.randperm(len(some), generator=draws)[:taken]] for some in places]
        tried = moving.matched(direction, torch.cat(drawn), effect=effect)
        steps = [
            Step(
                moved=delta / moving.norm,
                active=float(changes[:taken].mean()),
                rest=float(changes[taken:].mean()),
            )
            for delta, changes in tried
        ]
        last = asdict(steps[-1])
        row = Specific(direction=index, samples=len(places[0]), steps=sorted(steps), **last)
        rows.append(row)
        if progress is not None:
            progress(done, len(chosen))
    return Specificity(rows=rows, left_out=candidate.count - len(fit))
