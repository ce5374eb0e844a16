"""How much of the MLPs' activity on a task a circuit's channels carry."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ...circuits import Circuit
from ...errors import CircuitError
from ...models import Model, layers_of, read_linear
from ...tasks import Split
from ._groups import Group, group_sizes, members
from ._places import Place, at_answer, places_of

DEFINITIONS = {
    "activity": "sum over tokens of the squared activation (post_act) of the circuit's channels, "
    "over that of all channels",
    "write": "the same with every channel's activation times the length of its column of the down "
    "projection: the squared lengths of what single channels write, before they add up",
    "channels": "the circuit's channels over all, which is what either share would be if activity "
    "were spread evenly",
    "pooled": "sums over all layers, so layers with large activations weigh more",
    "mean_over_layers": "mean of the layers' shares",
}


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Activity of one layer's MLP at the answer positions of one group, and the circuit's part.

    Attributes:
        layer: which.
        stratum, value: what divides the positions, and the group.
        n: answer positions in it.
        kept, channels: the circuit's channels in this layer, and all.
        kept_activity, activity: sums of squared activations.
        kept_write, write: sums of squared lengths of what channels write.
    """

    layer: int
    stratum: str
    value: str
    n: int
    kept: int
    channels: int
    kept_activity: float
    activity: float
    kept_write: float
    write: float


@dataclass(frozen=True, kw_only=True)
class MaskEnergy:
    """The part of the MLPs' activity on a task that falls on a circuit's channels.

    Attributes:
        model: its name.
        split, n: the examples.
        layers: one entry for every layer and group.
    """

    model: str
    split: str
    n: int
    layers: list[Energy]

    def shares(self) -> dict[str, dict[str, Any]]:
        """`stratum: group` -> share of channels, of activity and of what is written."""
        groups: dict[str, list[Energy]] = {}
        for row in self.layers:
            groups.setdefault(f"{row.stratum}: {row.value}", []).append(row)
        return {group: _shares(rows) for group, rows in groups.items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "model": self.model,
            "split": self.split,
            "n": self.n,
            "positions": "where the answer's tokens are predicted, teacher-forced",
            "replacement": "none",
            "definitions": DEFINITIONS,
            "shares": self.shares(),
            "rows": [asdict(row) for row in self.layers],
        }


def _shares(rows: Sequence[Energy]) -> dict[str, Any]:
    found: dict[str, Any] = {"n": rows[0].n}
    found["channels"] = sum(row.kept for row in rows) / sum(row.channels for row in rows)
    for name in ("activity", "write"):
        kept = [getattr(row, f"kept_{name}") for row in rows]
        every = [getattr(row, name) for row in rows]
        single = [k / e for k, e in zip(kept, every, strict=True) if e]
        found[name] = {
            "pooled": sum(kept) / sum(every) if sum(every) else None,
            "mean_over_layers": sum(single) / len(single) if single else None,
        }
    return found


def mask_energy(
    model: Model,
    circuit: Circuit,
    split: Split,
    *,
    strata: Sequence[str] | None = None,
    batch_size: int = 64,
    transfer: bool = False,
) -> MaskEnergy:
    """Where the MLPs' activity at answer positions lands: on a circuit's channels, or beside them.

    Args:
        model: the model; it runs whole and is not changed.
        circuit: whose channels; heads and writes of a circuit are not looked at, but for MLP
            blocks that it drops.
        split: the examples, as a rule `task.test`.
        strata: names of strata; None for all that the examples have.
        batch_size: examples per forward.
        transfer: allow a circuit that was found in other weights of the same shape.

    Raises:
        CircuitError: the circuit does not fit the model, or says nothing of MLP channels.
        TaskError: no example has such a stratum.

    Source: paper 1, appendix (exp. 6: mask-energy share); the definition is ours, as the paper
    names none.
    """
    circuit.check(model, transfer=transfer)
    kept = _mlp_channels(circuit)
    groups, taps = group_sizes(split, strata), places_of(model, "mlp.post_act")
    sums: dict[tuple[Place, Group], Tensor] = {}
    for batch in split.batches(batch_size):
        chosen = members(batch, list(groups))
        for place, x in at_answer(model, batch, taps).items():
            squares = x.float().cpu().double().square()
            for group, mask in chosen.items():
                total = squares[mask].sum(dim=0)
                key = (place, group)
                sums[key] = sums[key] + total if key in sums else total
    lengths = {place: _write_lengths(model, place[0]) for place in taps}
    rows = [
        _energy(place[0], group, groups[group], kept[place[0]], own, lengths[place])
        for (place, group), own in sorted(sums.items(), key=lambda item: item[0][0][0])
    ]
    return MaskEnergy(model=model.name, split=split.name, n=len(split), layers=rows)


def _mlp_channels(circuit: Circuit) -> dict[int, Bool[Tensor, " width"]]:
    """Which MLP channels act in every layer, with blocks that a circuit drops."""
    gates, shape = circuit.universe.expand(circuit.kept), circuit.universe.shape
    if not any(site in ("mlp.post_act", "mlp.resid_delta") for _, site in gates):
        raise CircuitError(
            f"a circuit of {circuit.universe.spec} says nothing of MLP channels: audit one whose "
            "universe has mlp.post_act"
        )
    kept: dict[int, Tensor] = {}
    for layer in range(shape.n_layers):
        width = shape.width(layer, "mlp.post_act")
        own = gates.get((layer, "mlp.post_act"), torch.ones(width, dtype=torch.bool))
        write = gates.get((layer, "mlp.resid_delta"))
        kept[layer] = own if write is None or bool(write.any()) else torch.zeros_like(own)
    return kept


def _write_lengths(model: Model, layer: int) -> Float[Tensor, " width"]:
    """Squared length of every channel's column of the down projection."""
    family = model.anatomy.family
    down = read_linear(layers_of(model.hf, family)[layer].get_submodule(family.down))
    return down.weight.float().cpu().double().square().sum(dim=0)


def _energy(
    layer: int, group: Group, n: int, kept: Tensor, squares: Tensor, lengths: Tensor
) -> Energy:
    written = squares * lengths
    return Energy(
        layer=layer,
        stratum=group[0],
        value=group[1],
        n=n,
        kept=int(kept.sum()),
        channels=len(kept),
        kept_activity=float(squares[kept].sum()),
        activity=float(squares.sum()),
        kept_write=float(written[kept].sum()),
        write=float(written.sum()),
    )
