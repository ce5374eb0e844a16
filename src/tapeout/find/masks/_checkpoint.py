"""A mask's training on disk: safetensors with JSON in its header, written whole or not at all."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ...errors import RunError

if TYPE_CHECKING:
    from ._learner import Learner

MOMENTS = ("exp_avg", "exp_avg_sq", "step")
OWN = ("parameters", "multipliers")


def save_state(path: Path, learner: "Learner") -> None:
    """Write parameters, optimiser, noise and curve."""
    tensors = {
        "parameters": learner.parameters.detach(),
        "multipliers": learner.multipliers.detach(),
        "noise": learner.noise.get_state(),
    }
    for index, state in learner.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": state[name] for name in MOMENTS}
    plain = {"step": learner.step, "curve": learner.curve}
    partial = path.with_name(f".{path.name}.partial")
    save_file(tensors, partial, metadata={"training": json.dumps(plain)})
    os.replace(partial, path)


def load_state(path: Path, learner: "Learner") -> None:
    """Put a learner where `save_state` left it.

    Raises:
        RunError: the file is damaged, or of another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            plain = json.loads(file.metadata()["training"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        fits = all(tensors[own].shape == getattr(learner, own).shape for own in OWN)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"the checkpoint {path} is damaged: {error}. Delete it") from error
    if not fits:
        raise RunError(f"the checkpoint {path} is of another training: use another file")
    learner.step, learner.curve = plain["step"], plain["curve"]
    with torch.no_grad():
        learner.parameters.copy_(tensors["parameters"])
        learner.multipliers.copy_(tensors["multipliers"])
    learner.noise.set_state(tensors["noise"])
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, moment = name.split(".", 2)
            state.setdefault(int(index), {})[moment] = tensor
    learner.optimizer.load_state_dict(learner.optimizer.state_dict() | {"state": state})
