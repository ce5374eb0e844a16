"""The public benchmarks of paper 2, and reading what lm-evaluation-harness says of them."""

from collections.abc import Mapping
from typing import Any

SHOTS = {
    "mmlu_stem": 5,
    "mmlu_humanities": 5,
    "triviaqa": 8,
    "truthfulqa_mc2": 8,
    "gsm8k": 8,
}
"""Worked examples of each (its public code; the paper does not say).

The harness gives TruthfulQA its own six and ignores the number, so its rows say 0.
"""


def rows_of(results: Mapping[str, Any], task: str) -> list[dict[str, Any]]:
    """A row for every metric of a task or group.

    Args:
        results: what `lm_eval.simple_evaluate` returns.
        task: its name there.

    Returns:
        Rows of `task`, `metric` (with the harness's filter, if it has one), `value`, `stderr`
        (None if unknown), `n` and `shots`.
    """
    measured: Mapping[str, Any] = results["results"].get(task) or results["groups"][task]
    rows = []
    for key, value in measured.items():
        metric, _, rule = key.partition(",")
        if not rule or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        error = measured.get(f"{metric}_stderr,{rule}")
        rows.append(
            {
                "task": task,
                "metric": metric if rule == "none" else f"{metric} ({rule})",
                "value": float(value),
                "stderr": float(error) if isinstance(error, int | float) else None,
                "n": _count(results, task),
                "shots": _shots(results, task),
            }
        )
    return rows


def _count(results: Mapping[str, Any], task: str) -> int:
    return sum(results["n-samples"][leaf]["effective"] for leaf in _leaves(results, task))


def _shots(results: Mapping[str, Any], task: str) -> int | None:
    """Of every task in a group, if they agree."""
    shots = {results["n-shot"].get(leaf) for leaf in _leaves(results, task)}
    return shots.pop() if len(shots) == 1 else None


def _leaves(results: Mapping[str, Any], task: str) -> list[str]:
    below = results.get("group_subtasks", {}).get(task)
    return [leaf for part in below for leaf in _leaves(results, part)] if below else [task]
