"""What it costs to find pivotal tokens, beside trying every token one by one.

    python benchmarks/pivots_speed.py

Two references run on the same pairs of traces. `sequential` is the paper's procedure as it stands:
each prefix is completed alone by the model's own `generate`, worked examples and all. `one_by_one`
reads the worked examples once, as the fast way does, so that its ratio holds what is saved by
skipping tokens and by batching alone; `--no-cached` leaves it out. The fast way runs before and
after them, and its time is the mean.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _result import write

TEMPLATES = Path(__file__).parents[1] / "recipes" / "templates" / "products.yaml"
"""One-step problems, of which a small model solves some."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--traces", type=int, default=50)
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--templates", type=Path, default=TEMPLATES)
    parser.add_argument("--cached", action=argparse.BooleanOptionalAction, default=True)
    asked = parser.parse_args()

    import tapeout
    from tapeout.amplify import Solver, TraceConfig, branching_pivots, sequential_pivot, trace_pairs
    from tapeout.reasoning import word_problems

    began = time.perf_counter()
    model = tapeout.load(asked.model)
    task = word_problems(templates=asked.templates, steps=[1])
    config = TraceConfig(limit=asked.limit, batch_size=asked.rows, pairs=asked.traces)
    pairs = trace_pairs(model, task.train, task=task, config=config)
    print(pairs.counts, flush=True)
    solver = Solver(model, task, limit=asked.limit, batch_size=asked.rows)
    solver.write([pairs[0].problem])  # reads the worked examples
    alone = Solver(model, task, limit=asked.limit, batch_size=1)
    alone.write([pairs[0].problem])

    first, found = timed("batched", lambda: branching_pivots(solver, pairs))
    cached, others = 0.0, []
    if asked.cached:
        cached, others = timed("one by one", lambda: [one_by_one(alone, pair) for pair in pairs])
    slow, reference = timed("sequential", lambda: [sequential_pivot(solver, p) for p in pairs])
    last, _ = timed("batched", lambda: branching_pivots(solver, pairs))
    pivots = [one.pivot for one in found]
    fast = (first + last) / 2
    tried = [pivot.place + 1 for pivot in reference if pivot]
    n = len(pairs)
    row = {
        "model": asked.model,
        "dtype": str(next(model.hf.parameters()).dtype).removeprefix("torch."),
        "task": f"word-problems/train ({asked.templates.stem})",
        "traces": n,
        "greedy_right": sum(pair.greedy.right for pair in pairs),
        "agreement": agreement(pivots, reference),
        "sequential_seconds": round(slow, 2),
        "batched_seconds": round(fast, 2),
        "ratio": round(slow / fast, 1),
        "tokens_per_trace": round(sum(len(pair.other.ids) for pair in pairs) / n, 2),
        "tokens_tried_per_trace": round(sum(tried) / n, 2),
        "candidates_per_trace": round(sum(one.candidates for one in found) / n, 2),
        "completions_per_trace": round(sum(one.completions for one in found) / n, 2),
        "rows": asked.rows,
        "threads": threads(),
    }
    if others:
        row["agreement_one_by_one"] = agreement([pivot and pivot.place for pivot in pivots], others)
        row |= {"one_by_one_seconds": round(cached, 2), "ratio_one_by_one": round(cached / fast, 1)}
    print(row)
    write("pivots-speed", [row], time.perf_counter() - began)


def one_by_one(solver: Any, pair: Any) -> int | None:
    """Where the outcome first turns, every token tried in turn behind the shared beginning."""
    for place in range(len(pair.other.ids)):
        (end,) = solver.complete([(pair.problem, pair.other.ids[: place + 1])])
        if end.right != pair.greedy.right:
            return place
    return None


def agreement(found: list[Any], reference: list[Any]) -> float:
    return sum(a == b for a, b in zip(found, reference, strict=True)) / len(found)


def timed(name: str, run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = run()
    seconds = time.perf_counter() - start
    print(f"{name}: {seconds:.1f} s", flush=True)
    return seconds, found


def threads() -> int:
    import torch

    return torch.get_num_threads()


if __name__ == "__main__":
    main()
