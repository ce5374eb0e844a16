"""Measures one model in a process of its own, so that its memory is its own.

Run as ``python -m tapeout.extraction._worker FOLDER``: reads `job.json` and `tokens.safetensors`
there, writes `measured.json` and `logits.safetensors`.
"""

import json
import resource
import statistics
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.utils.flop_counter import FlopCounterMode

from ..circuits import Circuit
from ..interventions import Mean, Zero, circuit_replacement, restrict
from ..models import Model, Tokens, load


def main(folder: Path) -> None:
    _reset_peak()
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    start = time.perf_counter()
    model = load(job["source"], dtype=job["dtype"], device="cpu", check=False)
    loaded = time.perf_counter() - start
    tensors = load_file(folder / "tokens.safetensors")
    tokens = Tokens(tensors["ids"], tensors.get("mask"))
    masking: Any = nullcontext()
    if job["circuit"]:
        circuit = Circuit.load(job["circuit"])
        fill = circuit_replacement(circuit, job["replacement"])
        assert isinstance(fill, Zero | Mean)
        masking = restrict(model, circuit, fill, transfer=True)
    with torch.no_grad(), model.frozen(), masking:
        logits = model.logits(tokens, keep=1)[:, 0]
        seconds = _median_seconds(model, tokens, job["seconds"])
        peak = _peak_mb()
        with FlopCounterMode(display=False) as counter:
            model.logits(tokens, keep=1)
    save_file({"logits": logits.float().contiguous()}, folder / "logits.safetensors")
    parameters = {p.data_ptr(): p for p in model.hf.parameters()}.values()
    measured = {
        "parameters": sum(p.numel() for p in parameters),
        "bytes": sum(p.numel() * p.element_size() for p in parameters),
        "flops_per_token": counter.get_total_flops() / tokens.ids.numel(),
        "tokens_per_second": tokens.ids.numel() / seconds,
        "load_seconds": loaded,
        "peak_mb": peak,
    }
    (folder / "measured.json").write_text(json.dumps(measured), encoding="utf-8")


def _reset_peak() -> None:
    """Forget the peak that Linux hands down from the process that started this one."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    with suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024 / (1024 if sys.platform == "darwin" else 1)


def _median_seconds(model: Model, tokens: Tokens, budget: float) -> float:
    """Median of repeated forwards, at least three."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < budget:
        start = time.perf_counter()
        model.logits(tokens, keep=1)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
