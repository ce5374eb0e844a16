"""Dead directions start anew."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._directions import Directions
from ._gradients import Gradients
from ._initial import at_samples, draw


def restart(
    gradients: Gradients,
    left: Float[Tensor, " samples"],
    dead: Int[Tensor, " dead"],
    sets: Sequence[Directions],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> None:
    """Put dead directions at samples that are badly rebuilt.

    Args:
        gradients: of the samples.
        left: each sample's squared error, by which samples are drawn.
        dead: places of the directions.
        sets: the decoder, and the encoder if it is another: both get the same, in place.
        optimizer: it forgets what it knew of these directions.
        generator: of the draws.
    """
    decoder = sets[0]
    noise = Directions.random(decoder.shapes, len(dead), decoder.ranks, generator)
    new = at_samples(gradients, draw(left, len(dead), generator), noise.to(left.device))
    with torch.no_grad():
        for directions in sets:
            for own, other in zip(directions.parameters(), new.parameters(), strict=True):
                own[dead.to(own.device)] = other
                for moment in optimizer.state[own].values():
                    if isinstance(moment, Tensor) and moment.shape == own.shape:
                        moment[dead.to(own.device)] = 0
