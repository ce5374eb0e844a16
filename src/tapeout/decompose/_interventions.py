"""Moving a model's weights along directions, and what that does to its outputs (paper 4, 2.5)."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import overload

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.func import functional_call

from ..errors import DecomposeError, nearest
from ..models import Model
from ._decomposition import Decomposition
from ._directions import Directions
from ._errors import contracted_in_chunks
from ._gradients import Gradients
from ._meant import parameters_of


def impacts(
    encoder: Directions, gradients: Gradients, *, references: int = 1
) -> Float[Tensor, "samples count"]:
    """How strongly each direction bears on each sample: |v . g| (equations 9 and 10).

    Args:
        encoder: the directions to measure with.
        gradients: of pairs of a sample and a reference.
        references: so many rows after each other are one sample's, with references of its own:
            their mean is the impact on the sample.

    Raises:
        DecomposeError: the rows do not divide into samples.
    """
    if references < 1 or len(gradients) % references:
        raise DecomposeError(
            f"{len(gradients)} pairs do not divide into samples of {references} references each"
        )
    pairs = contracted_in_chunks(gradients, encoder).abs()
    return pairs.reshape(-1, references, encoder.count).mean(1)


def strongest(found: Decomposition, gradients: Gradients, count: int) -> dict[int, float]:
    """The directions that bear most on some samples.

    Args:
        found: directions; those that are dead do not count.
        gradients: of the samples, as a rule a task's (`collect_pairs`).
        count: how many.

    Returns:
        Place of a direction -> the mean size of its coefficient, before any is left out; the
        strongest first.

    Raises:
        DecomposeError: fewer directions are alive, or gradients that do not fit them.
    """
    alive = found.alive.cpu()
    if not 1 <= count <= len(alive):
        raise DecomposeError(f"there are {len(alive)} directions alive to choose {count} of")
    mean = found.coefficients(gradients, active=1.0).abs().mean(0).cpu()
    order = alive[mean[alive].argsort(descending=True, stable=True)]
    return {int(place): float(mean[place]) for place in order[:count]}


@overload
def moved(
    model: Model,
    directions: Directions,
    amounts: Mapping[int, float],
    *,
    only: Sequence[str] = ("*",),
) -> Model: ...


@overload
def moved(
    model: nn.Module,
    directions: Directions,
    amounts: Mapping[int, float],
    *,
    only: Sequence[str] = ("*",),
) -> nn.Module: ...


def moved(
    model: nn.Module | Model,
    directions: Directions,
    amounts: Mapping[int, float],
    *,
    only: Sequence[str] = ("*",),
) -> nn.Module | Model:
    """A copy of the model at W + sum of delta times v (equation 8); the model stays as it is.

    Args:
        model: what the directions are of.
        directions: v.
        amounts: place of a direction -> delta.
        only: names or globs of the parameters that move; the others keep their values.

    Raises:
        DecomposeError: no such direction or parameter.
    """
    if isinstance(model, Model):
        names = ", ".join(f"{delta:g} x {index}" for index, delta in amounts.items())
        changed = moved(model.hf, directions, amounts, only=only)
        return model.sibling(changed, f"{model.name} moved by {names}")
    changed = copy.deepcopy(model)
    with torch.no_grad():
        for name, value in _values(changed, directions, amounts, only).items():
            changed.get_parameter(name).copy_(value)
    return changed


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What moving along a direction does to outputs.

    Attributes:
        delta: how far.
        active: root mean square change of outputs over samples in which the direction is active.
        rest: the same over the other samples.
    """

    delta: float
    active: float
    rest: float

    @property
    def ratio(self) -> float:
        """How many times stronger the change is where the direction is active."""
        return self.active / max(self.rest, 1e-12)


def specificity(
    model: nn.Module,
    directions: Directions,
    index: int,
    inputs: Tensor,
    active: Bool[Tensor, " samples"],
    deltas: Sequence[float],
    *,
    only: Sequence[str] = ("*",),
) -> list[Effect]:
    """The effect of one direction on samples where it is active against all others.

    Args:
        model: what the directions are of.
        directions: all of them.
        index: which.
        inputs: one row a sample.
        active: the samples in which the direction is active.
        deltas: how far to move.
        only: names or globs of the parameters that move.

    Raises:
        DecomposeError: no such direction or parameter; or it is active in all samples or in none.
    """
    if bool(active.all()) or not bool(active.any()):
        raise DecomposeError("a direction must be active in some samples, and not in others")
    with torch.no_grad():
        before = model(inputs)
        effects = []
        for delta in deltas:
            values = _values(model, directions, {index: delta}, only)
            change = (functional_call(model, values, (inputs,)) - before).square().flatten(1)
            on, off = (float(change[rows].mean().sqrt()) for rows in (active, ~active))
            effects.append(Effect(delta=delta, active=on, rest=off))
    return effects


@dataclass(frozen=True, kw_only=True)
class TurnedOff:
    """A computation that is turned off by moving along its direction.

    Attributes:
        delta: how far.
        left: the part of the output that is left, over samples in which it is active.
        others: the change of all other outputs that count, as a part of what they were.
    """

    delta: float
    left: float
    others: float


def turned_off(
    model: nn.Module,
    directions: Directions,
    index: int,
    inputs: Tensor,
    output: int,
    deltas: Sequence[float],
    *,
    counts: Bool[Tensor, "samples outputs"] | None = None,
    least: float = 0.01,
    only: Sequence[str] = ("*",),
) -> TurnedOff:
    """Move along a direction until one output is gone, and see what becomes of the others.

    Args:
        model: what the directions are of, with outputs of shape [samples, outputs].
        directions: all of them.
        index: which one.
        inputs: one row a sample.
        output: the column to turn off.
        deltas: how far to move; the nearest to 0 at which it is off counts, else the best.
        counts: which of the other outputs are looked at, all by default. What the computation
            leaks into other outputs goes with it; leave that out by naming where they are wanted.
        least: the output is off when so small a part of it is left (of the sum of magnitudes).
        only: names or globs of the parameters that move.

    Raises:
        DecomposeError: no such direction or parameter.
    """
    found = []
    with torch.no_grad():
        before = model(inputs)
        other = torch.ones_like(before, dtype=torch.bool) if counts is None else counts.clone()
        other[:, output] = False
        for delta in sorted(deltas, key=abs):
            values = _values(model, directions, {index: delta}, only)
            after = functional_call(model, values, (inputs,))
            left = float(after[:, output].abs().sum() / before[:, output].abs().sum())
            others = float((after - before).abs()[other].sum() / before.abs()[other].sum())
            found.append(TurnedOff(delta=delta, left=left, others=others))
            if left <= least:
                break
    return min(found, key=lambda each: each.left)


def _values(
    model: nn.Module,
    directions: Directions,
    amounts: Mapping[int, float],
    only: Sequence[str],
) -> dict[str, Tensor]:
    """The parameters that differ, with their new values."""
    for index in amounts:
        if not 0 <= index < directions.count:
            raise DecomposeError(
                f"no direction {index}: there are {directions.count}, counted from 0"
            )
    for pattern in only:
        if not any(fnmatchcase(name, pattern) for name in directions.shapes):
            raise DecomposeError(
                f"the directions have no parameter {pattern!r}: "
                f"{nearest(pattern, directions.shapes)}"
            )
    values = {
        name: p.detach().clone()
        for name, p in parameters_of(model, directions).items()
        if any(fnmatchcase(name, pattern) for pattern in only)
    }
    for index, delta in amounts.items():
        for name, part in directions.dense(index).items():
            if name in values:
                values[name] += delta * part.detach().to(values[name])
    return values
