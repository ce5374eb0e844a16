"""A dense and a sparse model that are small enough to train bridges between in a test."""

from dataclasses import replace
from typing import Any

import torch

from tapeout.models import Model
from tapeout.sparse.bridges import BridgeTraining

from ..small import Counting, small

CONFIG = BridgeTraining(
    steps=12, density=0.5, floor=1, learning_rate=1e-2, bridge_share=0.5, save_every=5
)


def training(**changes: Any) -> BridgeTraining:
    return replace(CONFIG, **changes)


def dense_model(**changes: Any) -> Model:
    settings = {"hidden_size": 12, "kept_share": 1.0, "initializer_range": 0.5} | changes
    return Model(small(seed=5, **settings).eval(), name="dense")


def sparse_model(**changes: Any) -> Model:
    return Model(small(seed=6, **changes), name="sparse")


def weights(model: Model) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.hf.named_parameters()}


WINDOWS = Counting()
