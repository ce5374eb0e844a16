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
    path: Path,
    tensors: Mapping[str, Tensor],
    plain: Mapping[str, Any],
    optimizer: Optimizer,
    *,
    marks: Mapping[str, Any],
) -> None:
    """Write what a training needs to go on.

    Args:
        path: the file; it is replaced in one step, so a killed write leaves the old one.
        tensors: the training's own, by name.
        plain: the rest of it, as JSON values.
        optimizer: its state is written beside them.
        marks: what tells this training from others, such as its settings, as JSON values.
    """
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    for index, state in optimizer.state_dict()["state"].items():
        whole |= {
            f"{OPTIMIZER}{index}.{name}": value.clone()
            for name, value in state.items()
            if isinstance(value, Tensor)
        }
    partial = path.with_name(f".{path.name}.partial")
    save_file(whole, partial, metadata={"training": json.dumps(plain), "marks": json.dumps(marks)})
    os.replace(partial, path)


def resume_training(
    path: Path,
    tensors: Mapping[str, Tensor],
    optimizer: Optimizer,
    *,
    marks: Mapping[str, Any],
) -> dict[str, Any]:
    """Put a training where `save_training` left it.

    Args:
        path: the file.
        tensors: the training's own, which are filled; names and shapes must be those in the file.
        optimizer: gets its state back.
        marks: must be those in the file.

    Returns:
        The plain rest.

    Raises:
        RunError: the file is damaged, or of another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            plain, theirs = (json.loads(file.metadata()[key]) for key in ("training", "marks"))
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"the checkpoint {path} is damaged: {error}. Delete it") from error
    shapes = {name: t.shape for name, t in found.items() if not name.startswith(OPTIMIZER)}
    same = shapes == {name: tensor.shape for name, tensor in tensors.items()}
    if not same or theirs != json.loads(json.dumps(marks)):
        raise RunError(f"the checkpoint {path} is of another training: use another file")
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(found[name])
        optimizer.load_state_dict(optimizer.state_dict() | {"state": _state(found)})
    return plain


def _state(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """An optimiser's state, from among the tensors of a checkpoint."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(OPTIMIZER):
            index, moment = name.removeprefix(OPTIMIZER).split(".", 1)
            state.setdefault(int(index), {})[moment] = tensor
    return state
