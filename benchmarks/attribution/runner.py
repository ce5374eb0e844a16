"""What all runners share; it imports neither Tapeout nor a peer, since each has its environment.

A runner reads a job (`--job FILE`), does its work on a few pairs to warm up, then measures it, and
prints one JSON object. A pair is {clean, corrupted: token ids of one length; clean_text,
corrupted_text; answer, foil: token ids}. Scores are gradient at the clean run times (clean less
corrupted), summed over positions, averaged over pairs; the metric is answer logit less foil logit.
"""

import argparse
import ctypes
import gc
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
WARM_UP = 4

Pair = dict[str, Any]
Job = dict[str, Any]


def job() -> Job:
    """The job, with its pairs read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", type=Path, required=True)
    read = json.loads(parser.parse_args().job.read_text(encoding="utf-8"))
    read["pairs"] = json.loads(Path(read["pairs"]).read_text(encoding="utf-8"))
    return read


def batches(pairs: list[Pair], size: int) -> list[list[Pair]]:
    """Batches of prompts of one length, so that no tool has to pad."""
    by_length: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_length.setdefault(len(pair["clean"]), []).append(pair)
    return [
        group[start : start + size]
        for _, group in sorted(by_length.items())
        for start in range(0, len(group), size)
    ]


def measured(job: Job, work: Callable[[list[Pair]], Any]) -> tuple[Any, dict[str, Any]]:
    """Fastest of some repeats, and the peak memory of the whole process, loading included."""
    work(job["pairs"][:WARM_UP])
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    times, result = [], None
    for _ in range(job["repeats"]):
        start = time.perf_counter()
        result = work(job["pairs"])
        times.append(time.perf_counter() - start)
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    return result, {"seconds": min(times), "all_seconds": times, "peak_mb": peak}


def report(job: Job, scores: dict[str, Any] | None, cost: dict[str, Any]) -> None:
    """Print what was measured; scores go to a file, as plain lists."""
    if scores is not None:
        plain = {name: value.tolist() for name, value in scores.items()}
        Path(job["scores"]).write_text(json.dumps(plain), encoding="utf-8")
    print(json.dumps(cost))
