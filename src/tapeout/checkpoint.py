"""Trainings that can be killed: the loop, and what it keeps on disk.

A checkpoint is safetensors with JSON in its header, written whole or not at all.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from .errors import RunError

OPTIMIZER = "optimizer."
"""What the names of an optimiser's tensors begin with in a checkpoint."""


@runtime_checkable
class Training(Protocol):
    """What `train` drives; `step` counts its updates."""

    step: int

    def update(self) -> object: ...
    def save(self, path: Path) -> None: ...
    def resume(self, path: Path) -> None: ...


def train(
    training: Training,
    steps: int,
    *,
    checkpoint: Path | None,
    save_every: int,
    progress: Callable[[int, int], None] | None,
    settled: Callable[[], bool] = lambda: False,
) -> None:
    """Update until all steps are done.

    Args:
        training: it goes on from the checkpoint, if there is one.
        steps: updates in all.
        checkpoint: a file to go on from and to save to.
        save_every: steps between checkpoints.
        progress: called with the steps done and all of them.
        settled: asked before each step; once it holds, the training is over.

    Raises:
        RunError: the checkpoint is damaged, or of another training.
    """
    if checkpoint is not None and checkpoint.is_file():
        training.resume(checkpoint)
    while training.step < steps and not settled():
        training.update()
        if checkpoint is not None and training.step % save_every == 0:
            training.save(checkpoint)
        if progress is not None:
            progress(training.step, steps)


def save_training(
    path: Path, tensors: Mapping[str, Tensor], plain: Mapping[str, Any], optimizer: Optimizer
) -> None:
    """Write what a training needs to go on.

    Args:
        path: the file; it is replaced in one step, so a killed write leaves the old one.
        tensors: the training's own, by name.
        plain: the rest of it, as JSON values.
        optimizer: its state is written beside them.
    """
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    for index, state in optimizer.state_dict()["state"].items():
        whole |= {
            f"{OPTIMIZER}{index}.{name}": value.clone()
            for name, value in state.items()
            if isinstance(value, Tensor)
        }
    partial = path.with_name(f".{path.name}.partial")
    save_file(whole, partial, metadata={"training": json.dumps(plain)})
    os.replace(partial, path)


def load_training(
    path: Path, shapes: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save_training` wrote.

    Args:
        path: the file.
        shapes: the training's own tensors; those in the file must have their names and shapes.

    Returns:
        Every tensor, those of the optimiser too (see `restore`), and the plain rest.

    Raises:
        RunError: the file is damaged, or of another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            plain = json.loads(file.metadata()["training"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"the checkpoint {path} is damaged: {error}. Delete it") from error
    own = {name: value.shape for name, value in tensors.items() if not name.startswith(OPTIMIZER)}
    if own != {name: value.shape for name, value in shapes.items()}:
        raise RunError(f"the checkpoint {path} is of another training: use another file")
    return tensors, plain


def restore(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser the state that lies among the tensors of a checkpoint."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(OPTIMIZER):
            index, moment = name.removeprefix(OPTIMIZER).split(".", 1)
            state.setdefault(int(index), {})[moment] = tensor
    with torch.no_grad():
        optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
