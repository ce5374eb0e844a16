"""Several deltas as one, where they change different weights of the same base."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..errors import AmplifyError
from ._delta import Delta
from ._flips import Flips


def combine(*deltas: Delta) -> Delta:
    """One delta that does what several do, each from the same base to disjoint weights.

    The fingerprint of its result is not known: it is a hash of all weights, and a delta holds only
    those that differ. So `apply` checks the base alone, and `revert` that the base comes back.

    Raises:
        AmplifyError: their bases differ, or they change the same weights, which are named.
    """
    if not deltas:
        raise AmplifyError("there is no delta to combine")
    first, *others = deltas
    for other in others:
        if other.base.weights != first.base.weights:
            raise AmplifyError(
                f"the deltas are of different bases, {first.base.name} "
                f"({first.base.weights[:8]}) and {other.base.name} ({other.base.weights[:8]}): "
                "only deltas of one base combine"
            )
        first = _joined(first, other)
    return first


def _joined(a: Delta, b: Delta) -> Delta:
    overlaps = list(_overlaps(a, b))
    if overlaps:
        raise AmplifyError(
            f"the deltas overlap in {'; '.join(overlaps[:4])}"
            f"{f' and {len(overlaps) - 4} more' if len(overlaps) > 4 else ''}: one of them has to "
            "be made again on the model that the other gives"
        )
    parts = dict(a.parts)
    for name, part in b.parts.items():
        if name in parts:
            joined = Flips.of(parts[name].dense() | part.dense(), _like(part))
            assert joined is not None
            part = joined
        parts[name] = part
    places = sorted({*a.touched, *b.touched})
    units = {p: sorted({*a.touched.get(p, ()), *b.touched.get(p, ())}) for p in places}
    return Delta(
        base=a.base,
        result=None,
        parts=parts,
        touched={place: tuple(own) for place, own in units.items()},
        elsewhere=tuple(sorted({*a.elsewhere, *b.elsewhere})),
        numbers=a.numbers + b.numbers,
        total=a.total,
        origin={"method": "combine", "of": [*_origins(a), *_origins(b)]},
    )


def _origins(delta: Delta) -> list[Any]:
    combined = delta.origin.get("method") == "combine"
    return list(delta.origin["of"]) if combined else [dict(delta.origin)]


def _overlaps(a: Delta, b: Delta) -> Iterator[str]:
    """The rows (or columns, where these are fewer) that both change, in words."""
    for name in sorted({*a.parts} & {*b.parts}):
        both = (a.parts[name].dense() != 0) & (b.parts[name].dense() != 0)
        lines = [both.any(dim=1 - dim).nonzero()[:, 0].tolist() for dim in (0, 1)]
        if lines[0]:
            dim = int(len(lines[1]) < len(lines[0]) and both.shape[1] > 1)
            yield f"{('rows', 'columns')[dim]} {_spans(lines[dim])} of {name}"


def _spans(numbers: list[int]) -> str:
    """Such as `0-3, 7`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def _like(part: Flips) -> Tensor:
    return torch.empty(part.shape, dtype=getattr(torch, part.dtype), device="meta")
