"""How much of some directions lies in a circuit, beside circuits at random."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...circuits import Circuit
from ...errors import DecomposeError
from ...models import Model
from ...verify import Average, random_like
from .._decomposition import Decomposition
from .._directions import Directions
from .._meant import check_model, chosen_of
from .._nodes import channel_energies

DEFINITION = (
    "mean over directions of the energy (squared length) of their weights that belong to the "
    "circuit's nodes, over that of all nodes in play; random circuits have as many nodes in every "
    "layer and site"
)


@dataclass(frozen=True, kw_only=True)
class CoveredDirection:
    """One direction.

    Attributes:
        direction: its place.
        in_play: the part of its energy that belongs to nodes in play.
        share: the circuit's part of that.
    """

    direction: int
    in_play: float
    share: float


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The part of directions' energy that lies in a circuit's nodes.

    Attributes:
        size, nodes: the circuit's, and how many are in play.
        share: the mean over directions, with a bootstrap over them.
        random: the same of random circuits: their mean, and between which values 95% of them lie.
        above: the part of the random circuits whose share is as high, or higher.
        rows: of every direction that touches a node.
        left_out: directions that touch no node in play.
    """

    size: int
    nodes: int
    share: Average
    random: Average
    above: float
    rows: Sequence[CoveredDirection]
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "size": self.size,
            "nodes": self.nodes,
            "share": self.share.to_dict(),
            "random": self.random.to_dict(),
            "above": self.above,
            "left_out": self.left_out,
            "rows": [asdict(row) for row in self.rows],
            "definition": DEFINITION,
        }


def coverage(
    model: Model,
    found: Decomposition | Directions,
    circuit: Circuit,
    *,
    chosen: Sequence[int] | None = None,
    draws: int = 1000,
    seed: int = 0,
    transfer: bool = False,
) -> Coverage:
    """How much of some directions a circuit's nodes hold.

    Args:
        model: that the directions are of.
        found: directions.
        circuit: of heads and MLP channels, as a rule of a task.
        chosen: places of directions; None for all, of a decomposition for those that are alive.
        draws: random circuits.
        seed: of the draws.
        transfer: the circuit may have been found in other weights of the same shape.

    Raises:
        DecomposeError: nothing chosen, directions of another model, a circuit of other nodes, or
            directions that touch no node.
        CircuitError: the circuit does not fit the model.
        ReshapeError: channels were cut out behind a projection.
    """
    check_model(found, model)
    circuit.check(model, transfer=transfer)
    directions, places = chosen_of(found, chosen)
    energies = channel_energies(model, directions, circuit.universe)
    every = torch.cat(list(energies.values()), 1).double()
    in_play = every.sum(1)
    touched = (in_play > 0).nonzero().flatten()
    if not len(touched):
        raise DecomposeError(
            f"the directions touch no weight of a node of {circuit.universe.spec}: they are over "
            f"{', '.join(list(directions.shapes)[:3])}"
        )
    shares = every[touched] / in_play[touched, None]
    own = shares @ _open(circuit, list(energies))
    drawn = torch.stack(
        [
            (shares @ _open(_random(circuit, seed + draw), list(energies))).mean()
            for draw in range(draws)
        ]
    )
    low, high = drawn.quantile(torch.tensor([0.025, 0.975]).double()).tolist()
    whole = directions.squared_norms().double().cpu()
    rows = [
        CoveredDirection(
            direction=places[place],
            in_play=float(in_play[place] / whole[place]),
            share=share,
        )
        for place, share in zip(touched.tolist(), own.tolist(), strict=True)
    ]
    return Coverage(
        size=circuit.size,
        nodes=circuit.universe.size,
        share=Average.resampled(own.tolist()),
        random=Average(float(drawn.mean()), low, high, draws),
        above=float((drawn >= own.mean()).double().mean()),
        rows=rows,
        left_out=len(places) - len(touched),
    )


def _open(circuit: Circuit, places: Sequence[tuple[int, str]]) -> Float[Tensor, " channels"]:
    """1 for every channel that acts in the circuit, in the order of the places."""
    gates = circuit.universe.expand(circuit.kept)
    return torch.cat([gates[place].double() for place in places])


def _random(circuit: Circuit, seed: int) -> Circuit:
    drawn = random_like(circuit, seed)
    assert isinstance(drawn, Circuit)
    return drawn
