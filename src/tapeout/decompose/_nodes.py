"""How the energy of directions is spread over a model's nodes: from directions to circuits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from ..circuits import Scores, Universe
from ..errors import DecomposeError
from ..models import Model, Site
from ..reshape import MLP, QKV, Lines, Z, lines_of
from ._decomposition import Decomposition
from ._directions import Directions
from ._meant import check_model, chosen_of, parameters_of

Place = tuple[int, Site]


def channel_energies(
    model: Model, directions: Directions, universe: Universe | str
) -> dict[Place, Float[Tensor, "count width"]]:
    """The squared length of the part of every direction that belongs to a channel, by site.

    A channel of queries, keys or values owns its row of that projection, a channel of `attn.z`
    its column of the output projection, an MLP channel its rows of the gate and up projections and
    its column of the down projection, each with its entries of the biases. Where heads of
    `attn.z` are in play and queries, keys or values are not nodes of their own, a head also has
    its rows of those, and an even part of keys and values that it shares with other heads. No
    weight belongs to two channels; norms, embeddings and biases of writes belong to none.

    Args:
        model: that the directions are of.
        directions: each of any norm.
        universe: of heads and MLP channels.

    Raises:
        DecomposeError: other nodes, or parameters that the model does not have.
        ReshapeError: channels were cut out behind a projection.
        CircuitError: a universe that the model does not have.
    """
    universe = Universe.of(model.shape, universe)
    sites = {site for site, _ in universe.parts}
    if sites - {*QKV, Z, MLP}:
        raise DecomposeError(
            f"weights belong to heads and MLP channels ({', '.join([*QKV, Z, MLP])}), not to all "
            f"nodes of {universe.spec}"
        )
    parameters_of(model.hf, directions)
    beside = () if (Z, "channel") in universe.parts else [site for site in QKV if site not in sites]
    found: dict[Place, Tensor] = {}
    for layer, site in universe.places:
        found[layer, site] = _of_site(model, directions, layer, site)
        for other in beside if site == Z else ():
            own = _of_site(model, directions, layer, other)
            found[layer, site] += _shared(own, model.shape.width(layer, Z), model.shape.head_dim)
    return found


def _of_site(model: Model, directions: Directions, layer: int, site: Site) -> Tensor:
    whole = torch.zeros(directions.count, model.shape.width(layer, site))
    for lines in lines_of(model, layer, site):
        for name, dim in _stored(model.hf.get_submodule(lines.module), lines).items():
            if name in directions.factors:
                whole += _by_line(directions.factors[name], dim)[:, lines.places].to(whole)
    return whole


def _stored(module: nn.Module, lines: Lines) -> dict[str, int]:
    """The tensors that hold lines of a projection, and along which mode."""
    dim = int((lines.side == "in") != isinstance(module, Conv1D))
    bias = {f"{lines.module}.bias": 0} if lines.side == "out" else {}
    return {f"{lines.module}.weight": dim} | bias


def _by_line(modes: tuple[Float[Tensor, "count rank _"], ...], dim: int) -> Tensor:
    """Squared lengths of the rows or columns of a direction's part of a tensor."""
    if len(modes) == 1:
        return modes[0].sum(1).square()
    own, other = modes[dim].double(), modes[1 - dim].double()
    products = other @ other.mT
    return torch.einsum("cri,crs,csi->ci", own, products, own).clamp(min=0)


def _shared(
    own: Float[Tensor, "count _"], width: int, head_dim: int
) -> Float[Tensor, "count width"]:
    """Energy of key/value heads in even parts over the heads that read them."""
    group = width // own.shape[1]
    heads = own.unflatten(1, (-1, head_dim)).repeat_interleave(group, 1)
    return heads.flatten(1) / group


def node_energies(
    model: Model, directions: Directions, universe: Universe | str
) -> Float[Tensor, "count nodes"]:
    """The part of every direction's energy (its squared norm) that belongs to every node.

    Over nodes of one granularity these add up to 1 less what belongs to none of them.

    Args:
        model, directions, universe: as in `channel_energies`.

    Raises:
        DecomposeError, ReshapeError, CircuitError: as `channel_energies` does.
    """
    universe = Universe.of(model.shape, universe)
    channels = channel_energies(model, directions, universe)
    whole = directions.squared_norms().cpu().clamp(min=1e-30)
    parts = [
        channels[group.places[0]].unflatten(1, (group.count, group.unit)).sum(2)
        for group in universe.groups
    ]
    return torch.cat(parts, 1) / whole[:, None]


def node_scores(
    model: Model,
    found: Decomposition | Directions,
    universe: Universe | str = "mlp.post_act,attn.z:head",
    *,
    chosen: Sequence[int] | None = None,
    weights: Mapping[int, float] | None = None,
) -> Scores:
    """Scores by which the nodes come first that hold most of some directions' energy.

    So sizes, proofs, extraction and the viewer work on directions as on any other scores. Nodes
    are scored by energy, which adds up: the top nodes are those whose weights hold most of it.

    Args:
        model: that the directions are of.
        found: directions.
        universe: of heads and MLP channels, see `channel_energies`.
        chosen: places of directions; None for all, of a decomposition for those that are alive.
        weights: place -> how much a chosen direction counts, by default all alike.

    Returns:
        The weighted mean over the directions of `node_energies`; `origin` says how much of the
        energy belongs to no node (`outside`).

    Raises:
        DecomposeError: nothing chosen, directions of another model, other nodes, weights that
            leave nothing, or directions that touch no node.
        ReshapeError, CircuitError: as `channel_energies` does.
    """
    check_model(found, model)
    directions, places = chosen_of(found, chosen)
    universe = Universe.of(model.shape, universe)
    each = node_energies(model, directions, universe)
    counts = torch.ones(len(places)) if weights is None else _weighed(places, weights)
    values = (counts / counts.sum()) @ each
    if not bool(values.any()):
        raise DecomposeError(
            f"the directions touch no weight of a node of {universe.spec}: they are over "
            f"{', '.join(list(directions.shapes)[:3])}"
        )
    origin = {
        "method": "directions",
        "directions": places,
        "parameters": list(directions.shapes),
        "outside": _outside(universe, values),
    }
    return Scores(universe, values, model.fingerprint, origin)


def _weighed(places: list[int], weights: Mapping[int, float]) -> Float[Tensor, " chosen"]:
    missing = [place for place in places if place not in weights]
    counts = torch.tensor([weights.get(place, 0.0) for place in places])
    if missing or not bool(counts.isfinite().all()) or bool((counts < 0).any()):
        raise DecomposeError("weights are numbers from 0 for every chosen direction")
    if not float(counts.sum()) > 0:
        raise DecomposeError("the weights of all chosen directions are 0")
    return counts


def _outside(universe: Universe, values: Float[Tensor, " nodes"]) -> float:
    """The part of the energy that belongs to no node; each site counts once."""
    inside: dict[Site, dict[str, float]] = {}
    for group in universe.groups:
        own = inside.setdefault(group.site, {})
        own[group.granularity] = own.get(group.granularity, 0.0) + float(values[group.nodes].sum())
    return round(max(0.0, 1 - sum(max(own.values()) for own in inside.values())), 6)
