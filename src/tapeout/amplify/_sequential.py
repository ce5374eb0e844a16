"""The branching method word by word as the paper puts it: what the fast one is held against."""

from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from ._pivots import Pivot
from ._solver import Ids, Pair, Solver


class _Over(StoppingCriteria):
    """Stops as soon as a trace is finished, whatever part of it was given."""

    def __init__(self, solver: Solver, before: int) -> None:
        self.solver, self.before = solver, before

    def __call__(self, input_ids: Any, scores: Any, **rest: Any) -> Any:
        done = [self.solver.finished(tuple(row[self.before :].tolist())) for row in input_ids]
        return torch.tensor(done, device=input_ids.device)


def sequential_pivot(solver: Solver, pair: Pair) -> Pivot | None:
    """The pivotal token of one pair, every token tried in turn by the model's own `generate`.

    Each completion runs alone, from the first token of the prompt. Slow; for tests and benchmarks.

    Source: paper 2, section 3.1.1, branching method.
    """
    ids = pair.other.ids
    for place in range(len(ids)):
        start = ids[: place + 1]
        end = solver.judged(pair.problem, greedily(solver, pair, start))
        if end.right != pair.greedy.right:
            return Pivot(place=place, greedy=greedily(solver, pair, ids[:place])[place])
    return None


def greedily(solver: Solver, pair: Pair, start: Ids) -> Ids:
    """The whole trace that begins with some tokens and goes on greedily."""
    if solver.finished(start):
        return start
    before = [*solver.prefix_ids, *solver.prompt(pair.problem)]
    rows = torch.tensor([[*before, *start]], device=solver.model.device)
    config = GenerationConfig(
        do_sample=False,
        max_new_tokens=solver.limit - len(start),
        eos_token_id=sorted(solver.stops.ids) or None,
        pad_token_id=0,
    )
    with torch.no_grad(), solver.model.frozen():
        written = solver.model.hf.generate(
            rows,
            attention_mask=torch.ones_like(rows),
            generation_config=config,
            stopping_criteria=StoppingCriteriaList([_Over(solver, len(before))]),
        )
    return tuple(written[0, len(before) :].tolist())
