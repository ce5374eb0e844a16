"""A mask's training on disk."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ...checkpoint import load_training, restore, save_training

if TYPE_CHECKING:
    from ._learner import Learner


def save_state(path: Path, learner: "Learner") -> None:
    """Write parameters, optimiser, noise and curve."""
    plain = {"step": learner.step, "curve": learner.curve}
    save_training(path, _tensors(learner), plain, learner.optimizer)


def load_state(path: Path, learner: "Learner") -> None:
    """Put a learner where `save_state` left it.

    Raises:
        RunError: the file is damaged, or of another training.
    """
    tensors, plain = load_training(path, _tensors(learner))
    learner.step, learner.curve = plain["step"], plain["curve"]
    with torch.no_grad():
        learner.parameters.copy_(tensors["parameters"])
        learner.multipliers.copy_(tensors["multipliers"])
    learner.noise.set_state(tensors["noise"])
    restore(learner.optimizer, tensors)


def _tensors(learner: "Learner") -> dict[str, torch.Tensor]:
    return {
        "parameters": learner.parameters,
        "multipliers": learner.multipliers,
        "noise": learner.noise.get_state(),
    }
