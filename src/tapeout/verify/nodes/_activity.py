"""What nodes do on a set of texts: means, spreads, and how rarely they are large."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...circuits import Universe
from ...errors import TaskError
from ...interventions import Where
from ...models import Model, Tap, Watch, attached, first_positions
from ...tasks import Split

POWERS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Activity:
    """Moments of every channel over the tokens of a split.

    Attributes:
        mean, deviation: (layer, site) -> of every channel; shape [width].
        kurtosis: the mean fourth power of what a channel is off its mean over the square of its
            variance: 3 for a Gaussian, the larger the rarer it is far off; NaN where a channel
            does not vary. Shape [width].
        split, n: of which examples.
        tokens: over how many tokens: all but first ones and padding.
    """

    mean: Mapping[Where, Float[Tensor, " width"]]
    deviation: Mapping[Where, Float[Tensor, " width"]]
    kurtosis: Mapping[Where, Float[Tensor, " width"]]
    split: str
    n: int
    tokens: int


def activity(
    model: Model, split: Split, universe: str | Universe, *, batch_size: int = 64
) -> Activity:
    """Run the full model over a split and watch a universe's sites.

    Streams: memory does not grow with the number of examples.

    Args:
        model: the model; it is not changed.
        split: prompts and right answers that are run.
        universe: whose sites are watched, channel by channel.
        batch_size: examples per forward.

    Raises:
        TaskError: there is no token to look at.
    """
    places = Universe.of(model.shape, universe).places
    return moments(model, split, {where: model.tap(*where) for where in places}, batch_size)


def moments(
    model: Model, split: Split, taps: Mapping[Where, Tap], batch_size: int = 64
) -> Activity:
    """As `activity`, at any places."""
    sums: dict[Where, Tensor] = {}
    pilots: dict[Where, Tensor] = {}
    counted, count = torch.empty(0), 0

    def watch_at(where: Where, tap: Tap) -> Watch:
        def watch(whole: Tensor) -> None:
            x = tap.select(whole)[counted].double()
            # sums are taken around a first guess at the mean, so that little is lost in differences
            pilot = pilots.setdefault(where, x.mean(dim=0)) if len(x) else x.new_zeros(())
            off = x - pilot
            powers = torch.stack([off.pow(power).sum(dim=0) for power in range(1, POWERS + 1)])
            sums[where] = sums[where] + powers if where in sums else powers

        return watch

    watches = [(tap, watch_at(where, tap)) for where, tap in taps.items()]
    with torch.no_grad(), model.frozen(), attached(watches):
        for batch in split.batches(batch_size):
            tokens = batch.tokens.to(model.device)
            first = first_positions(tokens.ids, tokens.mask, None, 0)
            counted = tokens.full_mask.bool() & ~first
            count += int(counted.sum())
            model.logits(tokens, keep=1)
    if not count:
        raise TaskError(f"{split.name} has no token but first ones: take longer texts")
    found = {where: _central(total / count, pilots[where]) for where, total in sums.items()}
    return Activity(
        mean={where: mean for where, (mean, _, _) in found.items()},
        deviation={where: deviation for where, (_, deviation, _) in found.items()},
        kurtosis={where: kurtosis for where, (_, _, kurtosis) in found.items()},
        split=split.name,
        n=len(split),
        tokens=count,
    )


def _central(raw: Tensor, pilot: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, standard deviation and kurtosis from mean powers of what is off a pilot."""
    one, two, three, four = raw
    variance = (two - one**2).clamp(min=0)
    fourth = (four - 4 * one * three + 6 * one**2 * two - 3 * one**4).clamp(min=0)
    varies = variance > 1e-12 * (two + pilot**2)
    kurtosis = torch.where(varies, fourth / variance.where(varies, 1.0) ** 2, torch.nan)
    deviation = torch.where(varies, variance.sqrt(), 0.0)
    return tuple(x.float().cpu() for x in (pilot + one, deviation, kurtosis))  # pyright: ignore[reportReturnType]
