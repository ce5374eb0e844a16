"""Where audits read activations, and reading them at answer positions."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import ModelError
from ...models import Model, Tap, Watch, attached, layers_of
from ...tasks import Batch

Audited = Literal["mlp.post_act", "residual"]
"""MLP activations, or the residual stream as a layer leaves it (the hidden states)."""

SITES: tuple[Audited, ...] = ("mlp.post_act", "residual")
"""Where activations are audited."""

Place = tuple[int, Audited]
AnyPlace = TypeVar("AnyPlace")


def places_of(model: Model, site: Audited) -> dict[Place, Tap]:
    """Where a site is in every layer that has it."""
    shape, family = model.shape, model.anatomy.family
    if site == "mlp.post_act":
        layers = [layer for layer in range(shape.n_layers) if shape.width(layer, site)]
        return {(layer, site): model.tap(layer, site) for layer in layers}
    # what a layer leaves is what the next one reads, whatever else a family's layer returns
    readers = [*layers_of(model.hf, family)[1:], model.hf.get_submodule(family.final_norm)]
    return {(layer, site): Tap(reader, "in") for layer, reader in enumerate(readers)}


def width_of(model: Model, place: Place) -> int:
    """Channels at a place."""
    layer, site = place
    if site == "residual":
        return model.shape.width(0, "embed")
    return model.shape.width(layer, site)


def same_depth(model: Model, base: Model) -> None:
    """Refuse to compare models of different depths.

    Raises:
        ModelError: they have different numbers of layers.
    """
    if model.shape.n_layers != base.shape.n_layers:
        raise ModelError(
            f"{model.name} has {model.shape.n_layers} layers and {base.name} "
            f"{base.shape.n_layers}: compare models of one depth, such as one before and after "
            "training"
        )


def at_answer(
    model: Model, batch: Batch, taps: Mapping[Place, Tap]
) -> dict[Place, Float[Tensor, "rows length width"]]:
    """What places hold where the model predicts the answer's tokens, teacher-forced."""
    seen: dict[Place, Tensor] = {}

    def keep(place: Place, tap: Tap, whole: Tensor) -> None:
        seen[place] = tap.select(whole)[:, -batch.answer_length :].detach()

    watches: list[tuple[Tap, Watch]] = [
        (tap, partial(keep, place, tap)) for place, tap in taps.items()
    ]
    with torch.no_grad(), model.frozen(), attached(watches):
        model.logits(batch.tokens, keep=1)
    return seen


def within(sizes: Mapping[AnyPlace, int], budget: int) -> Iterator[list[AnyPlace]]:
    """Places in as many passes as keep the bytes of each pass within a budget, or at one place."""
    chosen: list[AnyPlace] = []
    used = 0
    for place, size in sizes.items():
        if chosen and used + size > budget:
            yield chosen
            chosen, used = [], 0
        chosen.append(place)
        used += size
    if chosen:
        yield chosen
