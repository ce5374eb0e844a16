"""Which directions are meant, and whether they are of this model."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ..errors import DecomposeError, nearest
from ..models import Model
from ._decomposition import Decomposition
from ._directions import Directions


def chosen_of(
    found: Decomposition | Directions, chosen: Sequence[int] | None
) -> tuple[Directions, list[int]]:
    """Some directions, and their places among all.

    Args:
        found: all of them; of a decomposition those of its decoder.
        chosen: places, counted from 0; None for all, of a decomposition for those that are alive.

    Raises:
        DecomposeError: none is left, there is no such direction, one is named twice, or one
            holds NaN or infinite numbers.
    """
    whole = found.decoder if isinstance(found, Decomposition) else found
    if chosen is None:
        every = found.alive if isinstance(found, Decomposition) else range(whole.count)
        places = [int(place) for place in every]
    else:
        places = [int(place) for place in chosen]
    if not places:
        raise DecomposeError("no direction is chosen: name at least one, by its place from 0")
    for place in places:
        if not 0 <= place < whole.count:
            raise DecomposeError(f"no direction {place}: there are {whole.count}, counted from 0")
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise DecomposeError(f"direction {twice} is named twice")
    own = whole.select(places).detached()
    broken = (~own.squared_norms().isfinite()).nonzero().flatten().tolist()
    if broken:
        raise DecomposeError(
            f"direction {places[broken[0]]} holds NaN or infinite numbers: learn the directions "
            "anew, or choose others"
        )
    return own, places


def parameters_of(module: nn.Module, directions: Directions) -> dict[str, nn.Parameter]:
    """The parameters that directions are over.

    Raises:
        DecomposeError: the module lacks one, or has it in another shape.
    """
    known = dict(module.named_parameters())
    for name, shape in directions.shapes.items():
        if name not in known:
            raise DecomposeError(f"the model has no parameter {name!r}: {nearest(name, known)}")
        if tuple(known[name].shape) != tuple(shape):
            raise DecomposeError(
                f"{name!r} has shape {list(shape)} in the directions and "
                f"{list(known[name].shape)} in the model: they are directions of another model"
            )
    return {name: known[name] for name in directions.shapes}


def check_model(found: Decomposition | Directions, model: Model) -> None:
    """Refuse a decomposition of another model's gradients.

    Raises:
        DecomposeError: it says that it is of other weights.
    """
    own = found.model if isinstance(found, Decomposition) else None
    if own is not None and own.weights != model.fingerprint.weights:
        raise DecomposeError(
            f"these are directions of {own.name} (weights {own.weights[:8]}), and {model.name} has "
            f"other weights ({model.fingerprint.weights[:8]}): take that model, or pass the "
            "directions alone (`decoder`) if they are to serve another one"
        )
