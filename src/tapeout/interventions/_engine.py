"""The one engine that runs a model with some nodes replaced: gate * x + (1 - gate) * other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor, nn

from ..circuits import Circuit
from ..errors import InterventionError
from ..models import Model, Tap, Watch, attached, first_positions, seen_tokens
from ._replacements import Replacement, Scale, Where, Zero

Gates = Mapping[Where, Shaped[Tensor, " width"]]
"""(layer, site) -> one gate per channel, boolean or real; 1 keeps a channel, 0 replaces it."""


@contextmanager
def restrict(
    model: Model,
    circuit: Circuit | Gates,
    replacement: Replacement | None = None,
    *,
    transfer: bool = False,
) -> Iterator[None]:
    """Inside the block, every forward of `model.hf` runs the circuit alone.

    Works under padding, cached generation and autograd, also with `model.hf.generate`. The model
    itself is as before when the block ends, also by an error.

    Args:
        model: the model to run.
        circuit: a circuit, or gates per (layer, site); gates that require gradients get them.
        replacement: what nodes outside it are given; zero by default.
        transfer: allow a circuit that was found in other weights of the same shape.

    Raises:
        CircuitError: the circuit does not fit the model.
        InterventionError: a gate has the wrong width, or a paired replacement meets a batch that
            does not consist of pairs.
    """
    replacement = replacement or Zero()
    if isinstance(circuit, Circuit):
        circuit.check(model, transfer=transfer)
        gates = circuit.universe.expand(circuit.kept)
    else:
        gates = circuit
    frame = _Frame(replacement)
    watches: list[tuple[Tap, Watch]] = []
    for (layer, site), gate in gates.items():
        if len(gate) != model.shape.width(layer, site):
            raise InterventionError(
                f"{site} of layer {layer} has {model.shape.width(layer, site)} channels, its gate "
                f"{len(gate)}"
            )
        if _does_nothing(gate, replacement):
            continue
        tap = model.tap(layer, site)
        own = partial(_replaced, (layer, site), tap, gate.to(model.device), frame)
        watches.append((tap, own))
    handle = model.hf.register_forward_pre_hook(frame.before, with_kwargs=True)
    try:
        with attached(watches):
            yield
    finally:
        handle.remove()


def _does_nothing(gate: Tensor, replacement: Replacement) -> bool:
    if gate.requires_grad:
        return False
    idle = 0 if isinstance(replacement, Scale) else 1
    return bool((gate == idle).all())


def _replaced(where: Where, tap: Tap, gate: Tensor, frame: "_Frame", whole: Tensor) -> Tensor:
    replacement = frame.replacement
    x = tap.select(whole)
    new = replacement.mix(where, x, gate if gate.dtype == torch.bool else gate.to(x.dtype))
    partners = x[len(new) :]
    new = frame.apply(new, x[: len(new)])
    return tap.put(whole, torch.cat([new, partners]) if len(partners) else new)


class _Frame:
    """What the sites of one forward share: at which positions the replacement applies."""

    def __init__(self, replacement: Replacement) -> None:
        self.replacement = replacement
        self.exempt: Bool[Tensor, "batch pos 1"] | None = None

    def before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        ids = args[0] if args else kwargs.get("input_ids")
        if ids is None:
            ids = kwargs["inputs_embeds"][..., 0]
        if self.replacement.paired:
            if len(ids) % 2:
                raise InterventionError(
                    f"{self.replacement.name} replacement needs each row's partner in the batch, "
                    f"but there are {len(ids)} rows"
                )
            ids = ids[: len(ids) // 2]
        self.exempt = self._exempt(ids, kwargs)

    def _exempt(self, ids: Tensor, kwargs: dict[str, Any]) -> Tensor | None:
        positions = self.replacement.positions
        if isinstance(positions, Tensor):
            if positions.shape != ids.shape:
                raise InterventionError(
                    f"positions have shape {tuple(positions.shape)}, the batch {tuple(ids.shape)}"
                )
            return ~positions.bool().to(ids.device)[..., None]
        if positions == "all":
            return None
        if positions == "last":
            exempt = torch.ones_like(ids, dtype=torch.bool)
            exempt[:, -1] = False
            return exempt[..., None]
        mask, position_ids = kwargs.get("attention_mask"), kwargs.get("position_ids")
        if isinstance(mask, Tensor):
            mask = mask[: len(ids)]
        if isinstance(position_ids, Tensor):
            position_ids = position_ids[: len(ids)]
        past = seen_tokens(kwargs.get("past_key_values"))
        first = first_positions(ids, mask, position_ids, past)
        return first[..., None] if bool(first.any()) else None

    def apply(self, new: Tensor, old: Tensor) -> Tensor:
        return new if self.exempt is None else torch.where(self.exempt, old, new)
