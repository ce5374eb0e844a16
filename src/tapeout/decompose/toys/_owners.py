"""Which features a direction is of."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._directions import Directions
from ._models import Deep, autoencoders
from ._toy import Toy


def shares(directions: Directions, toy: Toy) -> Float[Tensor, "directions groups"]:
    """The part of a direction's energy in weights that read inputs which reads each group of them.

    Energy is the sum of squares; a group is one feature where features are active one by one. A
    direction that reads nothing has shares of 0.
    """
    dense = directions.dense()
    if isinstance(toy.model, Deep):
        reading = dense["0.weight"]
    else:
        parts = [dense[f"{prefix}encoder.weight"] for prefix, _ in autoencoders(toy.model)]
        reading = torch.cat(parts, dim=2)
    energy = reading.detach().square().sum(1).reshape(len(reading), len(toy.groups), -1).sum(2)
    return energy / energy.sum(1, keepdim=True).clamp(min=1e-30)


def owners(directions: Directions, toy: Toy, *, least: float = 0.5) -> Int[Tensor, " directions"]:
    """The group that each direction is of: the one with most of its energy, -1 below `least`."""
    share, group = shares(directions, toy).max(1)
    return torch.where(share >= least, group, -1)


def groups_found(directions: Directions, toy: Toy, *, least: float = 0.5) -> int:
    """How many groups have a direction of their own; leave dead directions out beforehand."""
    found = owners(directions, toy, least=least)
    return len(set(found[found >= 0].tolist()))
