"""How much of an attribution a circuit holds."""

from dataclasses import asdict, dataclass
from typing import Any

from ...circuits import Circuit, Scores
from ...errors import CircuitError

DEFINITION = (
    "sum of the absolute scores of the circuit's nodes over that of all nodes; `positive` is the "
    "same with negative scores taken as 0; null where there is no score to share"
)


@dataclass(frozen=True, kw_only=True)
class Mass:
    """Of one layer's part: nodes, and the shares of its scores that fall on the circuit."""

    layer: int
    site: str
    granularity: str
    kept: int
    nodes: int
    share: float | None
    positive: float | None


@dataclass(frozen=True, kw_only=True)
class AttributionShare:
    """The part of scores that falls on a circuit's nodes.

    Attributes:
        method, split, n: of the scores, as their origin names them; empty if it does not.
        nodes: the circuit's share of all nodes.
        share, positive: of the sum of absolute scores, and of positive ones.
        layers: the same layer by layer.
    """

    method: str
    split: str
    n: int | None
    nodes: float
    share: float | None
    positive: float | None
    layers: list[Mass]

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return asdict(self) | {"replacement": "none", "definition": DEFINITION}


def attribution_share(scores: Scores, circuit: Circuit) -> AttributionShare:
    """How much of the scores' mass the circuit's nodes hold.

    Raises:
        CircuitError: scores and circuit are of different universes.
    """
    own, other = circuit.universe, scores.universe
    if own.parts != other.parts or own.shape.difference(other.shape):
        raise CircuitError(
            f"the scores are of {other.spec}, the circuit of {own.spec}: their share takes both "
            "over the same nodes of one shape of model"
        )
    active, values = circuit.active, scores.values.double()
    layers = []
    for group in own.groups:
        kept, mass = active[group.nodes], values[group.nodes]
        layers.append(
            Mass(
                layer=group.layer,
                site=group.site,
                granularity=group.granularity,
                kept=int(kept.sum()),
                nodes=group.count,
                share=_share(mass.abs(), kept),
                positive=_share(mass.clamp(min=0), kept),
            )
        )
    n = scores.origin.get("n")
    return AttributionShare(
        method=str(scores.origin.get("method", "")),
        split=str(scores.origin.get("split", "")),
        n=int(n) if n is not None else None,
        nodes=circuit.share,
        share=_share(values.abs(), active),
        positive=_share(values.clamp(min=0), active),
        layers=layers,
    )


def _share(mass: Any, kept: Any) -> float | None:
    total = float(mass.sum())
    return float(mass[kept].sum()) / total if total else None
