"""How near directions come to the circuits of a toy of superposition."""

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import DecomposeError
from .._directions import Directions
from ._models import autoencoders
from ._toy import Toy


def circuits(toy: Toy) -> dict[str, Float[Tensor, "features *shape"]]:
    """The weights that carry each feature of a toy of superposition from its input to its output.

    They are the feature's column of the encoder and its row of the decoder; no weight is part of
    two circuits, and all circuits together are all weights. Biases are left out: their gradients
    say how far an output is off, not which value the bias has.

    Raises:
        DecomposeError: the toy has no circuits of this kind.
    """
    found: dict[str, Tensor] = {}
    networks = autoencoders(toy.model)
    if toy.coefficients is not None or not networks:
        raise DecomposeError(
            f"only toys of superposition have one circuit a feature, not {toy.config.name!r}"
        )
    for place, (prefix, network) in enumerate(networks):
        for name, feature_axis in (("encoder.weight", 1), ("decoder.weight", 0)):
            weight = network.get_parameter(name).detach()
            whole = torch.zeros(toy.features, *weight.shape)
            for feature in range(toy.config.features):
                row = whole[place * toy.config.features + feature]
                row.select(feature_axis, feature).copy_(weight.select(feature_axis, feature))
            found[prefix + name] = whole
    return found


def mmcs(directions: Directions, toy: Toy, *, whole: bool = False) -> float:
    """Mean over features of the largest |cosine| of any direction with the feature's circuit.

    The mean max cosine similarity of attribution-based parameter decomposition (arXiv 2501.14926,
    section 3.1), but for the sign, which directions do not have.

    Args:
        directions: over the toy's weights; biases are not looked at.
        toy: of superposition.
        whole: against all of a direction's weights, and not only those that are the circuit's: then
            a direction that also moves other features' weights scores less.

    Raises:
        DecomposeError: the toy has no circuits of this kind.
    """
    return float(_cosines(directions, circuits(toy), whole).amax(0).mean())


def ml2r(directions: Directions, toy: Toy) -> float:
    """Mean over features of how much of its circuit's norm the best direction carries.

    The mean L2 ratio of attribution-based parameter decomposition, whose components add up to the
    weights. Directions have unit norm instead, so each is first given the scale at which all of
    them together come nearest to the weights.

    Raises:
        DecomposeError: the toy has no circuits of this kind.
    """
    truth = circuits(toy)
    dense, features = _flat(directions.dense(), truth), _flat(truth, truth)
    scales = torch.linalg.lstsq(dense.T.double(), features.sum(0).double()[:, None], driver="gelsd")
    scaled = dense * scales.solution.to(dense)
    best = _cosines(directions, truth, whole=False).argmax(0)
    carried = (scaled[best] * (features != 0)).norm(dim=1)
    return float((carried / features.norm(dim=1)).mean())


def _cosines(
    directions: Directions, truth: dict[str, Tensor], whole: bool
) -> Float[Tensor, "directions features"]:
    dense, features = _flat(directions.dense(), truth), _flat(truth, truth)
    support = torch.ones_like(features) if whole else (features != 0).to(features)
    norms = (dense.square() @ support.T).sqrt() * features.norm(dim=1)
    return (dense @ features.T).abs() / norms.clamp(min=1e-12)


def _flat(tensors: dict[str, Tensor], names: dict[str, Tensor]) -> Float[Tensor, "count weights"]:
    return torch.cat([tensors[name].detach().flatten(1) for name in names], dim=1)
