"""Where two chains of reasoning part: the prefix method, and records of pivots (paper 2, 3.1.1)."""

from dataclasses import dataclass

from ._records import Method, Record
from ._solver import Pair, Solver


@dataclass(frozen=True, kw_only=True)
class Pivot:
    """A place in a pair's sampled trace.

    Attributes:
        place: how many tokens of that trace stand before it; 0 is right behind the prompt.
        greedy: the token that leads the greedy way from there; the sampled trace's own token at
            `place` leads the other way.
    """

    place: int
    greedy: int


def prefix_pivot(pair: Pair) -> Pivot | None:
    """The first token that the two traces do not share; None if one begins with the other.

    Source: paper 2, section 3.1.1, prefix method.
    """
    both = zip(pair.greedy.ids, pair.other.ids, strict=False)
    for place, (greedy, other) in enumerate(both):
        if greedy != other:
            return Pivot(place=place, greedy=greedy)
    return None


def record(solver: Solver, pair: Pair, pivot: Pivot, method: Method) -> Record:
    """A pivot as token ids; what leads to the right answer is desired."""
    other = pair.other.ids[pivot.place]
    right = pair.greedy.right
    return Record(
        tokens=solver.prompt(pair.problem) + pair.other.ids[: pivot.place],
        desired=pivot.greedy if right else other,
        undesired=other if right else pivot.greedy,
        template_id=pair.problem.template_id,
        instance_id=pair.problem.instance_id,
        greedy_right=right,
        method=method,
    )
