"""Recovery when MLP activations are projected on a few directions: a mask's rival at its size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from ...circuits import Circuit, Universe
from ...errors import InterventionError
from ...interventions import Projection, Where
from ...models import Model, Tap, Tokens, Watch, attached, first_positions
from ...tasks import Split
from .._evaluate import evaluate
from .._intervals import Share
from ._geometry import BUDGET
from ._moments import Moments
from ._places import within

RANKS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""Numbers of directions that are kept in turn."""

SITE = "mlp.post_act"
DEFINITION = (
    "the MLP activations (post_act) of every layer are projected on the layer's first principal "
    "directions around their mean, at all positions but the first; both are taken over the tokens "
    "of prompts and right answers, first ones left out, in the model as it is; accuracy is exact "
    "task accuracy"
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class RankPoint:
    """One rank.

    Attributes:
        rank: directions kept in every layer, or the layer's width if that is less.
        size, share: directions kept in all layers, and over all channels: to be put beside a
            circuit of that size.
        accuracy: along the principal directions.
        random: along as many random ones.
    """

    rank: int
    size: int
    share: float
    accuracy: Share
    random: Share

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        shares = {"accuracy": self.accuracy.to_dict(), "random": self.random.to_dict()}
        return {"rank": self.rank, "size": self.size, "share": self.share} | shares


@dataclass(frozen=True, kw_only=True)
class LowRank:
    """Accuracy over ranks.

    Attributes:
        found_on: where the directions come from.
        split, n: where accuracy is measured; `criterion` says when an example counts as right.
        full: the model as it is.
        points: by rank; rank 0 is what the mean alone leaks.
    """

    model: str
    found_on: str
    split: str
    n: int
    criterion: str
    full: Share
    points: list[RankPoint]

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "model": self.model,
            "found_on": self.found_on,
            "split": self.split,
            "n": self.n,
            "criterion": self.criterion,
            "replacement": Projection.name,
            "ar_by": "induction",
            "definition": DEFINITION,
            "full": self.full.to_dict(),
            "points": [point.to_dict() for point in self.points],
        }


def low_rank(
    model: Model,
    found_on: Split,
    split: Split,
    *,
    ranks: Sequence[int] = RANKS,
    seed: int = 0,
    batch_size: int = 64,
    budget: int = BUDGET,
    progress: Progress | None = None,
) -> LowRank:
    """Task accuracy with every layer's MLP activations cut down to a few directions.

    Args:
        model: the model; it is not changed.
        found_on: where directions and means are taken, as a rule `task.train`.
        split: where accuracy is measured, as a rule `task.test`.
        ranks: directions to keep in every layer.
        seed: of the random directions beside them.
        batch_size: examples per forward.
        budget: bytes of covariances to hold at once.
        progress: called with the runs done and all of them.

    Raises:
        InterventionError: there is no rank, or a negative one.

    Source: paper 1, appendix (exp. 6: causal low-rank projection).
    """
    if not ranks or min(ranks) < 0:
        raise InterventionError(
            f"ranks say how many directions to keep: 0 or more of them, not {list(ranks)}"
        )
    ranks = sorted(set(ranks))
    total, done = 2 + 2 * len(ranks), 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    main = principal(model, found_on, ranks[-1], batch_size=batch_size, budget=budget)
    tick()
    other = _random(main, seed)
    nothing = Circuit.empty(Universe.of(model.shape, SITE))

    def accuracy(fill: Projection | None) -> Share:
        circuit = nothing if fill else None
        found = evaluate(model, split, circuit, fill, batch_size=batch_size).accuracy
        tick()
        return found

    full, points = accuracy(None), []
    for rank in ranks:
        own = main.first(rank)
        size = sum(basis.shape[1] for basis in own.bases.values())
        accuracies = {"accuracy": accuracy(own), "random": accuracy(other.first(rank))}
        share = size / nothing.universe.size
        points.append(RankPoint(rank=rank, size=size, share=share, **accuracies))
    return LowRank(
        model=model.name,
        found_on=main.reference,
        split=split.name,
        n=len(split),
        criterion=split.criterion.name,
        full=full,
        points=points,
    )


def principal(
    model: Model, split: Split, rank: int, *, batch_size: int = 64, budget: int = BUDGET
) -> Projection:
    """The replacement that projects every layer's MLP activations on their principal directions.

    Over the tokens of prompts and right answers, padding and first positions left out. Streams:
    memory grows with the width of the layers, not with the number of examples.

    Args:
        model: the model; it is not changed.
        split: the examples.
        rank: how many directions to keep of every layer, or all that it has.
        batch_size: examples per forward.
        budget: bytes of covariances to hold at once; what goes beyond takes another pass.
    """
    places = list(Universe.of(model.shape, SITE).places)
    sizes = {place: 8 * model.shape.width(*place) ** 2 for place in places}
    means: dict[Where, Tensor] = {}
    bases: dict[Where, Tensor] = {}
    for chosen in within(sizes, budget):
        for place, moments in _moments(model, split, chosen, batch_size).items():
            means[place] = moments.mean().float().cpu()
            axes = torch.linalg.eigh(moments.covariance())[1]
            bases[place] = axes.flip(1)[:, :rank].float().cpu().contiguous()
    return Projection(means=means, bases=bases, reference=f"{split.name} (n={len(split)})")


def _moments(
    model: Model, split: Split, places: Sequence[Where], batch_size: int
) -> dict[Where, Moments]:
    found = {place: Moments(model.shape.width(*place)) for place in places}
    taps = {place: model.tap(*place) for place in places}
    counted = torch.empty(0)

    def take(place: Where, tap: Tap, whole: Tensor) -> None:
        found[place].add(tap.select(whole)[counted])

    watches: list[tuple[Tap, Watch]] = [
        (tap, partial(take, place, tap)) for place, tap in taps.items()
    ]
    with torch.no_grad(), model.frozen(), attached(watches):
        for batch in split.batches(batch_size):
            counted = _counted(batch.tokens.to(model.device))
            model.logits(batch.tokens, keep=1)
    return found


def _counted(tokens: Tokens) -> Bool[Tensor, "rows pos"]:
    return tokens.full_mask.bool() & ~first_positions(tokens.ids, tokens.mask, None, 0)


def _random(like: Projection, seed: int) -> Projection:
    """As many random orthonormal directions, around the same means."""
    generator = torch.Generator().manual_seed(seed)
    bases: Mapping[Where, Tensor] = {
        place: torch.linalg.qr(torch.randn(basis.shape, generator=generator))[0]
        for place, basis in like.bases.items()
    }
    return Projection(
        means=like.means, bases=bases, reference=like.reference, positions=like.positions
    )
