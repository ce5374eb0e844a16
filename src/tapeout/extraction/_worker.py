"""Measures a model in a process of its own, so that its memory is its own.

Run as ``python -m tapeout.extraction._worker FOLDER``: reads `job.json` and `tokens.safetensors`
there, and writes `measured.json` and `logits.safetensors`. In between it times one of the job's
models for every line that it is sent, so that whoever sends them can take turns between processes.
"""

import json
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.utils.flop_counter import FlopCounterMode

from ..circuits import Circuit
from ..interventions import Mean, Zero, circuit_replacement, restrict
from ..memory import peak_mb, reset_peak
from ..models import Model, Tokens, load

TURN = 0.2
"""Least seconds of one turn, so that short forwards are not all timed with a cold cache."""


def main(folder: Path) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    reset_peak()
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    start = time.perf_counter()
    model = load(job["source"], dtype=job["dtype"], device="cpu", check=False)
    loaded = time.perf_counter() - start
    tensors = load_file(folder / "tokens.safetensors")
    tokens = Tokens(tensors["ids"], tensors.get("mask"))
    circuit = Circuit.load(job["circuit"]) if job["circuit"] else None
    measured, logits = {}, {}
    with torch.no_grad(), model.frozen():
        for what in job["models"]:
            with _as(what, model, circuit, job["replacement"]):
                logits[what] = model.logits(tokens, keep=1)[:, 0].float().contiguous()
            measured[what] = {"load_seconds": loaded, "peak_mb": peak_mb()}
        print("ready", file=answers, flush=True)
        for line in sys.stdin:
            with _as(line.strip(), model, circuit, job["replacement"]):
                print(json.dumps(_turn(model, tokens)), file=answers, flush=True)
        for what in job["models"]:
            with _as(what, model, circuit, job["replacement"]):
                measured[what] |= _costs(model, tokens)
    save_file(logits, folder / "logits.safetensors")
    (folder / "measured.json").write_text(json.dumps(measured), encoding="utf-8")


def _as(
    what: str, model: Model, circuit: Circuit | None, replacement: str
) -> AbstractContextManager[None]:
    """The model as it is, or its circuit alone."""
    if what != "masked" or circuit is None:
        return nullcontext()
    fill = circuit_replacement(circuit, replacement)
    assert isinstance(fill, Zero | Mean)
    return restrict(model, circuit, fill, transfer=True)


def _turn(model: Model, tokens: Tokens) -> list[float]:
    """Seconds of each of some forwards."""
    times: list[float] = []
    while sum(times) < TURN:
        start = time.perf_counter()
        model.logits(tokens, keep=1)
        times.append(time.perf_counter() - start)
    return times


def _costs(model: Model, tokens: Tokens) -> dict[str, Any]:
    with FlopCounterMode(display=False) as counter:
        model.logits(tokens, keep=1)
    parameters = {p.data_ptr(): p for p in model.hf.parameters()}.values()
    return {
        "parameters": sum(p.numel() for p in parameters),
        "bytes": sum(p.numel() * p.element_size() for p in parameters),
        "flops_per_token": counter.get_total_flops() / tokens.ids.numel(),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
