"""Everything that is measured of directions of a toy."""

import statistics

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

INPUTS = 2000
DELTAS = [x / 20 for x in range(-160, 161)]
STEPS = (-0.3, 0.3)


def measures(known: Toy, found: Decomposition, train: Gradients) -> dict[str, float | int]:
    """What the toy's kind allows to be measured, by name.

    `found` of `groups` have a direction of their own. `coefficient_r2` is against the toy's own map
    from inputs to outputs, `coefficient_r2_of_a` against the A that it was trained on, of which its
    few units can represent `r2_cap`. `mmcs` and `ml2r` are against the directions in which a
    feature's output answers its input most. Moving along a feature's main direction until its
    output is gone leaves `off_left` of it and changes others' by `off_others` (the worst of all
    features). `specificity` is how many times more outputs change where a feature is active than
    elsewhere (the median feature), `specificity_middle` that of the middle layers alone.

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
        row["coefficient_r2_of_a"] = coefficient_r2(coefficients, known.coefficients)
        row["r2_cap"] = coefficient_cap(known.coefficients, known.config.hidden)
    best = _main_directions(known, strong, used.tolist())
    if known.config.name.startswith("tms"):
        row |= {"mmcs": mmcs(alive, known), "ml2r": ml2r(alive, known)}
        row |= _turned_off(known, found.decoder, best)
    if known.config.name == "x2":
        row |= _specificity(known, found.decoder, best, "specificity", ("*",))
        row |= _specificity(known, found.decoder, best, "specificity_middle", MIDDLE)
    return row


def _main_directions(known: Toy, directions: Directions, used: list[float]) -> dict[int, int]:
    """For every feature that has directions of its own, the most used one."""
    best: dict[int, int] = {}
    for index, feature in enumerate(owners(directions, known).tolist()):
        if feature >= 0 and (feature not in best or used[index] > used[best[feature]]):
            best[feature] = index
    return best


def _turned_off(known: Toy, directions: Directions, best: dict[int, int]) -> dict[str, float]:
    inputs = known.inputs(INPUTS, seed=3000)
    offs = [
        turned_off(known.model, directions, index, inputs, feature, DELTAS)
        for feature, index in best.items()
    ]
    if not offs:
        return {}
    return {
        "off_left": max(off.left for off in offs),
        "off_others": max(off.others for off in offs),
    }


def _specificity(
    known: Toy, directions: Directions, best: dict[int, int], name: str, only: tuple[str, ...]
) -> dict[str, float]:
    inputs, ratios = known.inputs(INPUTS, seed=3000), []
    for feature, index in best.items():
        active = inputs[:, feature] != 0
        steps = specificity(known.model, directions, index, inputs, active, STEPS, only=only)
        ratios.append(statistics.mean(step.ratio for step in steps))
    return {name: statistics.median(ratios)} if ratios else {}
