"""Ways to put the circuits of interfaces together (paper 1, "The pieces do not assemble").

Each takes a bench and returns a circuit, or circuits that take turns, of the bench's budget.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ...circuits import Circuit, Scores
from ...tasks import LOG_LIKELIHOOD
from ._bench import Bench, fitting
from ._routed import Routed, together
from ._sequential import sequential

Maker = Callable[[Bench], Circuit | Routed]


def direct(bench: Bench) -> Circuit:
    """No composition: the nodes that score highest for the whole answers."""
    return bench.ground.score(bench.task.train).top(bench.budget)


def union(bench: Bench) -> Circuit:
    """The highest-scored nodes of every interface, as many of each."""
    return together(_parts(bench))


def routed(bench: Bench) -> Routed:
    """The circuits of `union`, each at the positions that predict what it decides."""
    return Routed.of(_by_step(bench, _parts(bench)))


def routed_each(bench: Bench) -> Routed:
    """As `routed`, but every step's circuit has the whole budget; all together have more."""
    steps = []
    for names in bench.members:
        steps.append(together(fitting([bench.scores(n) for n in names], bench.budget)))
    return Routed.of(steps)


def prefixes(bench: Bench) -> Routed:
    """The circuit of `union`, with the full model at the tokens that are written already."""
    whole = union(bench)
    return Routed(prompt=whole, steps=(whole,), clean_prefix=True)


def without_conflicts(bench: Bench) -> Circuit:
    """As `union`, without the nodes that help one interface and hurt another.

    By signed attribution: a node is in conflict if it is among the budget's most helpful nodes of
    one interface and among the budget's most harmful ones of another.
    """
    helps = torch.zeros(bench.nodes, dtype=torch.bool)
    hurts = helps.clone()
    for name in bench.names:
        values = bench.scores(name, "signed").values
        helps |= _most(values, bench.budget)
        hurts |= _most(-values, bench.budget)
    conflict = helps & hurts
    pruned = [_lowered(bench.scores(name), conflict) for name in bench.names]
    kept = together(fitting(pruned, bench.budget)).kept & ~conflict
    return bench.circuit(kept, conflicts=int(conflict.sum()))


def adaptive(bench: Bench) -> Circuit:
    """As `union`, with shares of the budget that do best on the validation split.

    From equal shares on, each interface's is doubled and halved in turn; what raises accuracy, or
    the answers' likelihood where accuracy is the same, stays.
    """
    scores = [bench.scores(name) for name in bench.names]
    weights = [1.0] * len(scores)

    def judged(trial: list[float]) -> tuple[tuple[float, float], Circuit]:
        circuit = together(fitting(scores, bench.budget, trial))
        found = bench.run(bench.task.validation, circuit, [LOG_LIKELIHOOD])
        return (found.accuracy.value, found.average(LOG_LIKELIHOOD.name).value), circuit

    best, circuit = judged(weights)
    for _ in range(bench.config.rounds):
        before = list(weights)
        for place in range(len(weights)):
            for factor in (2.0, 0.5):
                trial = [w * factor if at == place else w for at, w in enumerate(weights)]
                value, found = judged(trial)
                if value > best:
                    best, circuit, weights = value, found, trial
                    break
        if weights == before:
            break
    return bench.circuit(circuit.kept, weights=dict(zip(bench.names, weights, strict=True)))


def causal_groups(bench: Bench) -> Circuit:
    """Groups of nodes in the order of what replacing each in the full model costs.

    Of the highest-scored nodes, twice the budget, groups are made in the order of their highest
    score relative to an interface's all. A group's cost is the likelihood that the whole answers
    of the train split lose without it, per node.
    """
    scores = [bench.scores(name) for name in bench.names]
    candidates = together(fitting(scores, min(2 * bench.budget, bench.nodes)))
    relative = [own.values / own.values.abs().sum().clamp(min=1e-30) for own in scores]
    ranked = torch.stack(relative).amax(dim=0).masked_fill(~candidates.kept, float("-inf"))
    order = torch.sort(ranked, descending=True, stable=True).indices[: int(candidates.kept.sum())]
    groups = list(order.split(max(-(-len(order) // bench.config.groups), 1)))
    likely = [_likelihood(bench, _without(bench, group)) for group in groups]
    full = _likelihood(bench, torch.ones(bench.nodes, dtype=torch.bool))
    costs = [(full - value) / len(group) for value, group in zip(likely, groups, strict=True)]
    kept = torch.zeros(bench.nodes, dtype=torch.bool)
    for place in sorted(range(len(groups)), key=lambda at: -costs[at]):
        kept[groups[place][: bench.budget - int(kept.sum())]] = True
    return bench.circuit(kept, groups=len(groups), group=len(groups[0]))


def _parts(bench: Bench) -> list[Circuit]:
    return fitting([bench.scores(name) for name in bench.names], bench.budget)


def _by_step(bench: Bench, parts: list[Circuit]) -> list[Circuit]:
    by_name = dict(zip(bench.names, parts, strict=True))
    return [together([by_name[name] for name in names]) for names in bench.members]


def _most(values: Tensor, count: int) -> Tensor:
    """The nodes with the highest values, if they are above 0."""
    kept = torch.zeros(len(values), dtype=torch.bool)
    kept[torch.sort(values, descending=True, stable=True).indices[:count]] = True
    return kept & (values > 0)


def _lowered(scores: Scores, nodes: Tensor) -> Scores:
    """The same scores with some nodes below all others."""
    lowest = scores.values.min() - 1
    values = torch.where(nodes, lowest, scores.values)
    return Scores(scores.universe, values, scores.fingerprint, scores.origin)


def _likelihood(bench: Bench, kept: Tensor) -> float:
    """Mean log probability of the train split's right answers."""
    found = bench.run(bench.task.train, bench.circuit(kept), [LOG_LIKELIHOOD])
    return found.average(LOG_LIKELIHOOD.name).value


def _without(bench: Bench, nodes: Tensor) -> Tensor:
    kept = torch.ones(bench.nodes, dtype=torch.bool)
    kept[nodes] = False
    return kept


TRIALS: dict[str, Maker] = {
    "direct": direct,
    "union": union,
    "routed": routed,
    "routed-each": routed_each,
    "sequential": sequential,
    "prefixes": prefixes,
    "conflicts": without_conflicts,
    "adaptive": adaptive,
    "groups": causal_groups,
}
"""Every trial by name; `direct` is what the others are compared with."""
