"""Times of what is to be compared, taken in turn, so that a busy machine falls on all alike."""

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch


def now(device: str) -> float:
    """Seconds, once all that a GPU was given to do is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def in_turn(
    runs: Mapping[str, Callable[[], object]], *, times: int, device: str = "cpu"
) -> dict[str, float]:
    """Medians in milliseconds, each under its name and `_ms`; the first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(times + 1):
        for name, run in runs.items():
            start = now(device)
            run()
            taken[name].append(now(device) - start)
    return {f"{name}_ms": round(1e3 * median(own[1:]), 4) for name, own in taken.items()}
