"""How near directions come to the circuits of a toy of superposition."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import DecomposeError
from .._directions import Directions
from ._models import autoencoders
from ._toy import Toy

Truth = Literal["response", "weights"]


def circuits(toy: Toy, truth: Truth = "response") -> dict[str, Float[Tensor, "features *shape"]]:
    """What carries each feature of a toy of superposition from its input to its output.

    That are the feature's column of the encoder, a, and its row of the decoder, b; no weight is
    part of two circuits. Biases are left out: their gradients say how far an output is off, not
    which value the bias has.

    Args:
        toy: of superposition.
        truth: `response` is the direction in which the output's answer to the input, a . b,
            changes fastest: b in the place of a, and a in that of b. `weights` are a and b
            themselves; the two agree where weights are tied, as in attribution-based parameter
            decomposition (APD). In an untied toy a and b may differ by any factor and more, and
            gradients, which is what is decomposed here, lie along the response.

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
        into, out = network.encoder.weight.detach(), network.decoder.weight.detach()
        a, b = (into.T, out) if truth == "weights" else (out, into.T)
        encoder = torch.zeros(toy.features, *into.shape)
        decoder = torch.zeros(toy.features, *out.shape)
        for own in range(toy.config.features):
            feature = place * toy.config.features + own
            encoder[feature, :, own], decoder[feature, own] = a[own], b[own]
        found |= {f"{prefix}encoder.weight": encoder, f"{prefix}decoder.weight": decoder}
    return found


def mmcs(
    directions: Directions, toy: Toy, *, truth: Truth = "response", whole: bool = False
) -> float:
    """Mean over features of the largest |cosine| of any direction with the feature's circuit.

    The mean max cosine similarity of APD (arXiv 2501.14926, section 3.1), but for the sign, which
    directions do not have.

    Args:
        directions: over the toy's weights; biases are not looked at.
        toy: of superposition.
        truth: what the circuits are, see `circuits`.
        whole: against all of a direction's weights, and not only those that are the circuit's: then
            a direction that also moves other features' weights scores less.

    Raises:
        DecomposeError: the toy has no circuits of this kind.
    """
    return float(_cosines(directions, circuits(toy, truth), whole).amax(0).mean())


def ml2r(directions: Directions, toy: Toy) -> float:
    """Mean over features of how much of its circuit's norm the best direction carries.

    The mean L2 ratio of APD, whose components add up to the weights. Directions have unit norm
    instead, so each is first given the scale at which all of them together come nearest to all
    circuits together.

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
