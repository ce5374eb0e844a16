"""Directions over all of a tiny language model."""

import torch

from tapeout.decompose import L3D, Decomposition, Directions
from tapeout.models import Model


def directions_of(
    model: Model, count: int = 4, *, rank: int = 1, seed: int = 0, only: str = ""
) -> Directions:
    shapes = {n: tuple(p.shape) for n, p in model.hf.named_parameters() if only in n}
    fits = {n: min(rank, *shape) if len(shape) > 1 else 1 for n, shape in shapes.items()}
    return Directions.random(shapes, count, fits, torch.Generator().manual_seed(seed))


def decomposition_of(model: Model, directions: Directions, *, dead: int = 0) -> Decomposition:
    activity = torch.full((directions.count,), 0.1)
    activity[:dead] = 0
    return Decomposition(
        config=L3D(count=directions.count),
        decoder=directions,
        encoder=directions,
        activity=activity,
        train_error=0.5,
        model=model.fingerprint,
    )
