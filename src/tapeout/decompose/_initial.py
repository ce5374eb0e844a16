"""Where directions start: at noise, at samples, or at the middles of clusters of samples."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._config import L3D
from ._directions import Directions
from ._gradients import Gradients

CLUSTERED = 1024
"""Samples that are clustered: their inner products are a table of so many squared."""
ROUNDS = 10
NOISE = 0.01
"""Of a factor: one that is all zeros in every mode has no gradient and would stay so."""


def first_directions(gradients: Gradients, config: L3D, generator: torch.Generator) -> Directions:
    """The directions that a decomposition starts from, at unit norm.

    Raises:
        DecomposeError: a rank that a tensor does not allow, or of no known tensor.
    """
    energy = gradients.squared_norms()
    noise = Directions.random(gradients.shapes, config.count, config.ranks, generator)
    noise = noise.to(energy.device)
    if config.initial == "random":
        return noise
    drawn = draw(energy, CLUSTERED, generator)
    if config.initial == "samples":
        return at_samples(gradients, drawn[: config.count], noise)
    middles = middles_of(gradients.rows(drawn), config.count)
    return at_samples(gradients, drawn[middles], noise)


def at_samples(
    gradients: Gradients, index: Int[Tensor, " chosen"], noise: Directions
) -> Directions:
    """The directions of some samples' gradients, and of `noise` from where samples run out."""
    found = gradients.rows(index).approximated(noise.ranks).normalised()
    found = Directions.cat([found, noise.select(range(len(index), noise.count))])
    for own, other in zip(found.parameters(), noise.parameters(), strict=True):
        own.add_(other.to(own), alpha=NOISE)
    return found.normalised()


def draw(
    weights: Float[Tensor, " samples"], count: int, generator: torch.Generator
) -> Int[Tensor, " drawn"]:
    """Samples without repetition, by weight; as many as there are of weight above 0, at most."""
    weights = weights.detach().double().clamp(min=0)
    possible = int((weights > 0).sum())
    chances = (weights / weights.sum().clamp(min=1e-300)).cpu()
    drawn = torch.multinomial(chances, min(count, possible), generator=generator)
    return drawn.to(weights.device)


def middles_of(gradients: Gradients, count: int) -> Int[Tensor, " middles"]:
    """The samples whose lines come nearest to all gradients: clusters that know no sign.

    A sample belongs to the line onto which most of it falls. The first lines are taken one by one,
    each the one that adds most; then each cluster takes the member onto whose line most of the
    cluster's energy falls, and so on. All of it needs inner products of samples only.

    Args:
        gradients: of samples that are not zero.
        count: clusters; no more than samples.
    """
    products = gradients.products(gradients)
    energy = products.diagonal().clamp(min=torch.finfo(products.dtype).tiny)
    falls = products.square() / energy  # [sample, line]
    held, chosen = torch.zeros_like(energy), []
    for _ in range(min(count, len(energy))):
        chosen.append(int((falls - held[:, None]).clamp(min=0).sum(0).argmax()))
        held = torch.maximum(held, falls[:, chosen[-1]])
    middles = torch.tensor(chosen, device=energy.device)
    for _ in range(ROUNDS):
        cluster = falls[:, middles].argmax(1)
        member = torch.nn.functional.one_hot(cluster, len(middles)).to(falls)
        within = (member.T @ falls).masked_fill(member.T == 0, -1.0)
        better = within.argmax(1)
        if torch.equal(better, middles):
            break
        middles = better
    return middles
