"""What extraction gained: full, masked and extracted model side by side."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ..errors import ModelError
from ..models import Tokens


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One model, measured in a process of its own.

    Attributes:
        what: `full`, `masked` or `extracted`.
        parameters: weights, tied ones once.
        bytes: what they take in memory.
        flops_per_token: floating point operations of a forward, by PyTorch's counter.
        tokens_per_second: median over forwards of the whole batch.
        load_seconds: from disk to ready.
        peak_mb: the process's peak resident memory in MiB, Python and PyTorch included.
    """

    what: str
    parameters: int
    bytes: int
    flops_per_token: float
    tokens_per_second: float
    load_seconds: float
    peak_mb: float


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """The three models on the same tokens.

    Attributes:
        max_logit_difference: between masked and extracted, over the whole vocabulary.
        same_argmax: rows whose next token is the same in both.
        rows, length: the batch that was run.
    """

    models: list[Measured]
    max_logit_difference: float
    same_argmax: int
    rows: int
    length: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return asdict(self)


def side_by_side(
    source: str | Path,
    circuit: str | Path,
    extracted: str | Path,
    tokens: Tokens,
    *,
    replacement: str = "mean",
    dtype: str = "auto",
    threads: int | None = None,
    seconds: float = 2.0,
    progress: Callable[[int, int], None] | None = None,
) -> SideBySide:
    """Measure the full model, the circuit by hooks, and the extracted model as it lies on disk.

    Args:
        source: what the full model loads from.
        circuit: the circuit's folder.
        extracted: the extracted model's folder.
        tokens: the batch to run; first tokens as in the circuit's task.
        replacement: `zero` or `mean`, as in extraction.
        dtype: as in `load`.
        threads: of PyTorch; this process's number by default.
        seconds: how long to time each.
        progress: called with the models done and all three.

    Raises:
        ModelError: one of the three could not be run; with its own last words.
    """
    jobs = (
        ("full", str(source), ""),
        ("masked", str(source), str(circuit)),
        ("extracted", str(extracted), ""),
    )
    common = {
        "replacement": replacement,
        "dtype": dtype,
        "threads": threads or torch.get_num_threads(),
        "seconds": seconds,
    }
    measured: list[Measured] = []
    logits: dict[str, torch.Tensor] = {}
    for place, (what, where, kept) in enumerate(jobs):
        found, logits[what] = _run({"source": where, "circuit": kept} | common, tokens)
        measured.append(Measured(what=what, **found))
        if progress is not None:
            progress(place + 1, len(jobs))
    masked, cut = logits["masked"], logits["extracted"]
    return SideBySide(
        models=measured,
        max_logit_difference=float((masked - cut).abs().max()),
        same_argmax=int((masked.argmax(-1) == cut.argmax(-1)).sum()),
        rows=len(tokens),
        length=tokens.ids.shape[1],
    )


def _run(job: dict[str, Any], tokens: Tokens) -> tuple[dict[str, Any], torch.Tensor]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tensors = {"ids": tokens.ids} | ({} if tokens.mask is None else {"mask": tokens.mask})
        save_file(tensors, folder / "tokens.safetensors")
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-m", "tapeout.extraction._worker", name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
            raise ModelError(f"measuring {job['source']} failed: {last}")
        measured = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
        return measured, load_file(folder / "logits.safetensors")["logits"]
