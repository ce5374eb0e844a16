"""Everything that is measured of directions of a toy."""

import statistics

import torch
from torch import Tensor, nn

from .._decomposition import Decomposition
from .._directions import Directions
from .._gradients import Gradients
from .._interventions import specificity, turned_off
from ._circuits import ml2r, mmcs
from ._coefficients import coefficient_cap, coefficient_r2, coefficients_of
from ._models import Autoencoder
from ._owners import groups_found, owners
from ._toy import Toy

MIDDLE = ("2.*", "4.*", "6.*")
"""Hidden layers of the network of squares but the first."""

MOVED = {
    "specificity": ("*",),
    "specificity_middle": MIDDLE,
    "specificity_middle_weights": ("2.weight", "4.weight", "6.weight"),
    "specificity_first_weights": ("0.weight",),
}
"""Measure -> the parameters of the network of squares that move."""

INPUTS = 2000
DELTAS = [x / 20 for x in range(-160, 161)]
STEPS = (-0.3, 0.3)


def measures(known: Toy, found: Decomposition, train: Gradients) -> dict[str, float | int]:
    """What the toy's kind allows to be measured, by name.

    `found` of `groups` have a direction of their own. `coefficient_r2` is against the toy's own map
    from inputs to outputs without its ReLU, `coefficient_r2_of_answers` against what it says of
    each feature alone, `coefficient_r2_of_a` against the A that it was trained on, of which its few
    units can represent `r2_cap`. `mmcs` and `ml2r` are against the directions in which a feature's
    output answers its input most; `mmcs_whole` counts other features' weights against a direction.
    Moving along a feature's main direction until its output is gone leaves `off_left` of it at most
    and changes others' by `off_others` (mean over features; `off_others_worst`). Of that `off_leak`
    (and `off_leak_worst`) is the toy's own: what the others lose when the feature is taken out of
    the input, since features leak into each other. `off_wanted` counts others where their own
    feature is active alone, and so leaves the leak out. `specificity` is how many times more
    outputs change where a feature is active than elsewhere (the median feature),
    `specificity_middle` that of the middle layers alone, `specificity_middle_weights` that of these
    without their biases, and `specificity_first_weights` that of the weights that read the inputs.

    Args:
        known: the toy.
        found: of its gradients.
        train: those that it was learned on.
    """
    used = found.coefficients(train).square().mean(0).sqrt()
    strong = found.decoder.scaled(used)  # dead ones vanish
    alive = found.decoder.select(found.alive)
    row: dict[str, float | int] = {
        "found": groups_found(alive, known),
        "groups": len(known.groups),
    }
    if known.coefficients is not None and isinstance(known.model, Autoencoder):
        coefficients = coefficients_of(strong)
        row["coefficient_r2"] = coefficient_r2(coefficients, known.model.map())
        row["coefficient_r2_of_answers"] = coefficient_r2(coefficients, _answers(known))
        row["coefficient_r2_of_a"] = coefficient_r2(coefficients, known.coefficients)
        row["r2_cap"] = coefficient_cap(known.coefficients, known.config.hidden)
    best = main_directions(known, found, train)
    if known.config.name.startswith("tms"):
        row |= {"mmcs": mmcs(alive, known), "ml2r": ml2r(alive, known)}
        row["mmcs_whole"] = mmcs(alive, known, whole=True)
        row |= _turned_off(known, found.decoder, best)
    if known.config.name == "x2":
        for name, only in MOVED.items():
            row |= _specificity(known, found.decoder, best, name, only)
    return row


def main_directions(known: Toy, found: Decomposition, train: Gradients) -> dict[int, int]:
    """For every feature (or group) that has directions of its own, the most used one's place."""
    used = found.coefficients(train).square().mean(0).sqrt()
    best: dict[int, int] = {}
    for index, feature in enumerate(owners(found.decoder.scaled(used), known).tolist()):
        if feature >= 0 and (feature not in best or used[index] > used[best[feature]]):
            best[feature] = index
    return best


def _answers(known: Toy) -> Tensor:
    with torch.no_grad():
        return known.model(torch.eye(known.features))


def _turned_off(known: Toy, directions: Directions, best: dict[int, int]) -> dict[str, float]:
    inputs = known.inputs(INPUTS, seed=3000)
    every, wanted = (
        [
            turned_off(known.model, directions, index, inputs, feature, DELTAS, counts=counts)
            for feature, index in best.items()
        ]
        for counts in (None, inputs > 0)
    )
    if not every:
        return {}
    leaks = [_leak(known.model, inputs, feature) for feature in best]
    changes = {
        "off_others": [off.others for off in every],
        "off_leak": leaks,
        "off_wanted": [off.others for off in wanted],
    }
    row = {"off_left": max(off.left for off in every)}
    for name, values in changes.items():
        row |= {name: statistics.mean(values), f"{name}_worst": max(values)}
    return row


def _leak(model: nn.Module, inputs: Tensor, feature: int) -> float:
    """The part of all other outputs that goes when a feature is taken out of the input."""
    without = inputs.clone()
    without[:, feature] = 0
    with torch.no_grad():
        before, after = model(inputs), model(without)
    others = [output for output in range(before.shape[1]) if output != feature]
    return float((after - before)[:, others].abs().sum() / before[:, others].abs().sum())


def _specificity(
    known: Toy, directions: Directions, best: dict[int, int], name: str, only: tuple[str, ...]
) -> dict[str, float]:
    inputs, ratios = known.inputs(INPUTS, seed=3000), []
    for feature, index in best.items():
        active = inputs[:, feature] != 0
        steps = specificity(known.model, directions, index, inputs, active, STEPS, only=only)
        ratios.append(statistics.mean(step.ratio for step in steps))
    return {name: statistics.median(ratios)} if ratios else {}
