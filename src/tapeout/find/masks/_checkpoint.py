"""A mask's training on disk."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...checkpoint import resume_training, save_training

if TYPE_CHECKING:
    from ._learner import Learner


def save_state(path: Path, learner: "Learner") -> None:
    """Write parameters, optimiser, noise and curve."""
    plain = {"step": learner.step, "curve": learner.curve}
    save_training(path, _tensors(learner), plain, learner.optimizer, marks=_marks(learner))


def load_state(path: Path, learner: "Learner") -> None:
    """Put a learner where `save_state` left it.

    Raises:
        RunError: the file is damaged, or of another training.
    """
    own = _tensors(learner)
    plain = resume_training(path, own, learner.optimizer, marks=_marks(learner))
    learner.step, learner.curve = plain["step"], plain["curve"]
    learner.noise.set_state(own["noise"])


def _marks(learner: "Learner") -> dict[str, Any]:
    return {"config": asdict(learner.config), "split": learner.split.name, "n": len(learner.split)}


def _tensors(learner: "Learner") -> dict[str, torch.Tensor]:
    return {
        "parameters": learner.parameters,
        "multipliers": learner.multipliers,
        "noise": learner.noise.get_state(),
    }
