"""The branching method against the paper's definition, every token in turn."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tapeout.amplify._branching import branching_pivots
from tapeout.amplify._sequential import sequential_pivot
from tapeout.amplify._solver import Pair, Solver
from tapeout.generation import Sampling

from ..tiny import Sizes
from . import parity

LIMIT = 14


def solver_of(
    seed: int, *, family: str = "llama", shots: bool = True, rows: int = 5, n: int = 12
) -> Solver:
    model = parity.model(family, Sizes(seed=seed, layers=1))
    return Solver(model, parity.task(n, shots=shots), limit=LIMIT, batch_size=rows)


def pairs_of(solver: Solver, seed: int = 0) -> list[Pair]:
    """Greedy traces beside samples that end otherwise."""
    problems = list(solver.task.train)
    sampled = solver.write(problems, Sampling(temperature=0.5, seed=seed))
    both = zip(solver.write(problems), sampled, strict=True)
    return [Pair(greedy=a, other=b) for a, b in both if a.right != b.right]


@given(
    seed=st.integers(0, 500),
    family=st.sampled_from(["llama", "gpt2"]),
    shots=st.booleans(),
    rows=st.integers(1, 9),
)
def test_the_pivot_is_the_one_that_trying_every_token_finds(seed, family, shots, rows):
    solver = solver_of(seed, family=family, shots=shots, rows=rows, n=6)
    pairs = pairs_of(solver, seed)
    found = [one.pivot for one in branching_pivots(solver, pairs)]
    assert found == [sequential_pivot(solver, pair) for pair in pairs]
    assert all(found)


def test_the_traces_that_this_rests_on_hold_every_case():
    first = late = at_limit = torn_stops = 0
    flips = set()
    for seed in range(8):
        solver = solver_of(seed)
        pairs = pairs_of(solver)
        for pair, one in zip(pairs, branching_pivots(solver, pairs), strict=True):
            first += one.pivot.place == 0
            late += one.completions > 1
            at_limit += len(pair.other.ids) == LIMIT
            ids = pair.other.ids
            starts = [(pair.problem, ids[: k + 1]) for k in range(len(ids))]
            ends = [pair.greedy, *solver.complete(starts)]
            flips.add(sum(a.right != b.right for a, b in pairwise(ends)))
            torn_stops += any(
                id % 6 == 0 and end.ids[place + 1 : place + 2] and end.ids[place + 1] % 6 == 1
                for place, (id, end) in enumerate(zip(ids, ends[1:], strict=True))
            )
    assert first and late and at_limit and torn_stops and max(flips) > 1
    assert all(count % 2 for count in flips)
