"""What extraction gained: full, masked and extracted model side by side."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ..errors import ModelError
from ..models import Tokens

TURNS = 5
"""Least turns of every model."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One model's costs.

    Attributes:
        what: `full`, `masked` or `extracted`.
        parameters: weights, tied ones once.
        bytes: what they take in memory.
        flops_per_token: floating point operations of a forward, by PyTorch's counter.
        tokens_per_second: median over forwards of the whole batch.
        tokens_per_second_range: its quartiles.
        forwards: how many were timed.
        load_seconds: from disk to ready.
        peak_mb: the process's peak resident memory in MiB, Python and PyTorch included.
    """

    what: str
    parameters: int
    bytes: int
    flops_per_token: float
    tokens_per_second: float
    tokens_per_second_range: tuple[float, float]
    forwards: int
    load_seconds: float
    peak_mb: float


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """The three models on the same tokens.

    Attributes:
        max_logit_difference: between masked and extracted, over the whole vocabulary.
        logit_scale: largest logit of the masked model, which floating point error grows with.
        same_argmax: rows whose next token is the same in both.
        rows, length: the batch that was run.
        dtype, threads: how.
    """

    models: list[Measured]
    max_logit_difference: float
    logit_scale: float
    same_argmax: int
    rows: int
    length: int
    dtype: str
    threads: int

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
    seconds: float = 4.0,
    progress: Callable[[int, int], None] | None = None,
) -> SideBySide:
    """Measure the full model, the circuit by hooks, and the extracted model as it lies on disk.

    The uncut and the extracted model have a process each, and all three take turns, so that what
    else the machine does falls on all alike.

    Args:
        source: what the full model loads from.
        circuit: the circuit's folder.
        extracted: the extracted model's folder.
        tokens: the batch to run; first tokens as in the circuit's task.
        replacement: `zero` or `mean`, as in extraction.
        dtype: as in `load`.
        threads: of PyTorch; this process's number by default.
        seconds: how long to time each, at least.
        progress: called with what is done and all there is.

    Raises:
        ModelError: one of the three could not be run; with its own last words.
    """
    threads = threads or torch.get_num_threads()
    common = {"replacement": replacement, "dtype": dtype, "threads": threads}
    uncut = {"source": str(source), "circuit": str(circuit), "models": ["full", "masked"]} | common
    cut = {"source": str(extracted), "circuit": "", "models": ["extracted"]} | common
    times: dict[str, list[float]] = {"full": [], "masked": [], "extracted": []}
    steps = TURNS + 2
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(job, tokens)) for job in (uncut, cut)]
        owner = {what: worker for worker in workers for what in worker.models}
        turn = 0
        while turn < TURNS or min(map(sum, times.values())) < seconds:
            for what, spent in times.items():
                spent += owner[what].turn(what)
            turn += 1
            if progress is not None:
                progress(min(turn, TURNS), steps)
        results = [worker.finish() for worker in workers]
    if progress is not None:
        progress(steps, steps)
    measured = {what: costs for found, _ in results for what, costs in found.items()}
    logits = {what: values for _, found in results for what, values in found.items()}
    masked, small = logits["masked"], logits["extracted"]
    return SideBySide(
        models=[
            Measured(what=what, **_speed(spent, tokens.ids.numel()), **measured[what])
            for what, spent in times.items()
        ],
        max_logit_difference=float((masked - small).abs().max()),
        logit_scale=float(masked.abs().max()),
        same_argmax=int((masked.argmax(-1) == small.argmax(-1)).sum()),
        rows=len(tokens),
        length=tokens.ids.shape[1],
        dtype=dtype,
        threads=threads,
    )


def _speed(seconds: Sequence[float], tokens: int) -> dict[str, Any]:
    low, middle, high = statistics.quantiles([tokens / spent for spent in seconds], n=4)
    return {
        "tokens_per_second": middle,
        "tokens_per_second_range": (low, high),
        "forwards": len(seconds),
    }


class _Worker:
    """A process that holds one model and times it on demand; see `_worker`."""

    def __init__(self, job: dict[str, Any], tokens: Tokens) -> None:
        self.models: list[str] = job["models"]
        self._source = job["source"]
        self._place = tempfile.TemporaryDirectory()
        self._folder = Path(self._place.name)
        tensors = {"ids": tokens.ids} | ({} if tokens.mask is None else {"mask": tokens.mask})
        save_file(tensors, self._folder / "tokens.safetensors")
        (self._folder / "job.json").write_text(json.dumps(job), encoding="utf-8")

    def __enter__(self) -> "_Worker":
        self._errors = (self._folder / "stderr").open("w+", encoding="utf-8")
        command = [sys.executable, "-m", "tapeout.extraction._worker", str(self._folder)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self._errors, text=True
        )
        self._read()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._process:  # closes its pipes
            self._process.kill()
        self._errors.close()
        self._place.cleanup()

    def turn(self, what: str) -> list[float]:
        """Seconds of some forwards of one of its models."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def finish(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        """Costs and logits, by model."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.wait():
            self._fail()
        measured = json.loads((self._folder / "measured.json").read_text(encoding="utf-8"))
        return measured, load_file(self._folder / "logits.safetensors")

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._fail()
        return line

    def _fail(self) -> None:
        self._process.wait()
        self._errors.seek(0)
        last = (self._errors.read().strip() or "it said nothing").splitlines()[-1]
        raise ModelError(f"measuring {self._source} failed: {last}")
