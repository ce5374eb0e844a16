"""The branching method: which token turns what greedy decoding ends in (paper 2, 3.1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from ._pivots import Pivot
from ._solver import Ids, Pair, Solver

AHEAD = 4
"""Once no more searches are open than this part of a batch has rows, later tests join: a few rows
take little longer than one, and most of a batch would be run for nothing, since pivots come early.
"""


@dataclass(frozen=True, kw_only=True)
class Branching:
    """What the branching method found in a pair.

    Attributes:
        pivot: the first token that turns the outcome; None if none does.
        candidates: tokens of the sampled trace that are not the greedy choice at their place.
        completions: how many prefixes were completed to tell.
    """

    pivot: Pivot | None
    candidates: int
    completions: int


@dataclass
class _Search:
    """A pair's candidates; `turned` holds what is known of them, from the first one on."""

    pair: Pair
    candidates: list[Pivot]
    turned: list[bool] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return not any(self.turned) and len(self.turned) < len(self.candidates) - 1

    def test(self, ahead: int) -> Ids | None:
        """What shows whether a candidate turns the outcome: greedy text from behind it.

        Up to the next candidate the sampled trace is that text, and there the greedy choice is
        known, so only what follows has to be written.
        """
        place = len(self.turned) + ahead + 1
        if place >= len(self.candidates):
            return None
        after = self.candidates[place]
        return (*self.pair.other.ids[: after.place], after.greedy)

    def found(self) -> Branching:
        """Behind its last candidate the sampled trace is greedy to its end, which is known."""
        known = [*self.turned, True]
        first = known.index(True)
        pivot = self.candidates[first] if self.candidates else None
        tested = len(self.turned)
        return Branching(pivot=pivot, candidates=len(self.candidates), completions=tested)


def branching_pivots(solver: Solver, pairs: Sequence[Pair]) -> list[Branching]:
    """The pivotal token of each pair's sampled trace: the first whose inclusion turns the outcome.

    With f(prefix) the outcome of greedy decoding from there, y_k is pivotal if f(y_1..y_k-1) is the
    greedy trace's outcome and f(y_1..y_k) the other. If y_k is the greedy choice at its place both
    are the same, so only the other tokens are candidates, and one teacher-forced pass finds them.
    Before the first one f is what the greedy trace ends in, behind the last one what the sampled
    trace does; in between, candidates of all pairs are completed side by side, one of each at a
    time, until the outcome turns.

    In fp32 the result is that of trying every token one by one (`sequential_pivot`). bf16 rounds
    otherwise in another batch, which turned about one pivot in twelve in a trial.

    Args:
        solver: what writes.
        pairs: traces that end apart.

    Source: paper 2, section 3.1.1, branching method.
    """
    rows = solver.choices([pair.other for pair in pairs])
    searches = [
        _Search(pair, _candidates(pair, row)) for pair, row in zip(pairs, rows, strict=True)
    ]
    while open_ := [search for search in searches if search.open]:
        asked = _ask(open_, max(1, solver.batch_size // AHEAD))
        ends = solver.complete([(search.pair.problem, test) for search, test in asked])
        for (search, _), end in zip(asked, ends, strict=True):
            search.turned.append(end.right != search.pair.greedy.right)
    return [search.found() for search in searches]


def _candidates(pair: Pair, choices: Ids) -> list[Pivot]:
    both = enumerate(zip(pair.other.ids, choices, strict=True))
    return [Pivot(place=place, greedy=chosen) for place, (own, chosen) in both if own != chosen]


def _ask(searches: Sequence[_Search], rows: int) -> list[tuple[_Search, Ids]]:
    """The next test of every search; where these are fewer than `rows`, later ones too."""
    asked: list[tuple[_Search, Ids]] = []
    for ahead in count():
        more = [(search, test) for search in searches if (test := search.test(ahead))]
        asked += more[: rows - len(asked)] if ahead else more
        if not more or len(asked) >= rows:
            break
    return asked
