"""What a training step of L3D costs on one MLP, without and with written-out gradients.

    python benchmarks/l3d_cost.py

The sample's loss is the KL of its last position to another sample's. `step` is one update of
encoder and decoder on gradients that are given, the same ones for both paths; `make` takes the
gradients of the batch. Structured gradients are small enough to be made once and kept, so a
training step is a `step`. Written-out ones of a whole data set are not, so as in the paper's public
code a training step makes them too; the ratio without making them stands beside it. The floor is
one forward and backward of the batch.

Everything is measured in a process of its own. Seconds are the process's time on all cores (so a
busy machine adds little), medians after a first run; peaks are what memory grew by from before the
gradients were there, when the model, or the directions and their optimiser, already stood.
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

from _result import write

MODEL, LAYER = "smollm2", 15
ROWS, TOKENS, DIRECTIONS, ACTIVE = 64, 8, 200, 0.1
PATHS = ("structured", "general")
REPEATS = {"structured": 10, "general": 2}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=3, metavar=("WHAT", "PATH", "FOLDER"))
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(*chosen.one)))
        return
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        apart("keep", "structured", folder)
        made = {path: apart("make", path, folder) for path in PATHS}
        floor = apart("floor", "none", folder)
        steps = {path: apart("step", path, folder) for path in PATHS}
    rows = [row_of(path, made[path], steps[path], floor) for path in PATHS]
    ratios = {
        "training_step_ratio": rows[1]["training_step_seconds"] / rows[0]["training_step_seconds"],
        "step_ratio": rows[1]["step_seconds"] / rows[0]["step_seconds"],
        "make_ratio": rows[1]["make_seconds"] / rows[0]["make_seconds"],
        "memory_ratio": rows[1]["training_step_mb"] / rows[0]["training_step_mb"],
        "step_memory_ratio": rows[1]["step_mb"] / rows[0]["step_mb"],
        "make_memory_ratio": rows[1]["make_mb"] / rows[0]["make_mb"],
    }
    rows[0] |= {name: round(value, 2) for name, value in ratios.items()}
    for row in rows:
        print(row)
    write("l3d-cost", rows, time.time() - start)


def row_of(path: str, make: dict, step: dict, floor: dict) -> dict:
    again = path == "general"
    return {
        "path": path,
        "model": MODEL,
        "layer": LAYER,
        "module": "mlp",
        "samples": ROWS,
        "tokens": TOKENS,
        "directions": DIRECTIONS,
        "rank": 1,
        "threads": make["threads"],
        "training_step_seconds": step["seconds"] + (make["seconds"] if again else 0),
        "training_step_mb": max(step["mb"], make["mb"] if again else 0),
        "step_seconds": step["seconds"],
        "step_mb": step["mb"],
        "make_seconds": make["seconds"],
        "make_mb": make["mb"],
        "floor_seconds": floor["seconds"],
        "floor_mb": floor["mb"],
        "kept_mb_per_sample": step["kept_mb_per_sample"],
        "loss": step["loss"],
    }


def apart(*what: str) -> dict:
    """Measured in a process of its own."""
    command = [sys.executable, __file__, "--one", *what]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    print(*what[:2], found, flush=True)
    return found


def measure(what: str, path: str, folder: str) -> dict:
    import torch

    if what == "keep":
        model_run(what, path, folder)()
        return {}
    run, about = step_of(path, folder) if what == "step" else (model_run(what, path, folder), {})
    repeats = REPEATS[path] if what == "step" else 2
    seconds, grown = timed(run, repeats)
    return {"seconds": seconds, "mb": grown, "threads": torch.get_num_threads(), **about}


def timed(run: Callable[[], object], repeats: int) -> tuple[float, float]:
    """The median of some runs after a first one, and the peak of the first in MiB."""
    from tapeout.memory import peak_mb, reset_peak

    gc.collect()
    reset_peak()
    before = peak_mb()
    run()
    grown = peak_mb() - before
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return round(statistics.median(times), 4), round(grown, 1)


def model_run(what: str, path: str, folder: str) -> Callable[[], object]:
    """Taking the gradients of the batch, also into the folder (`keep`), or the floor."""
    import torch

    import tapeout
    from tapeout.decompose import Collecting, collect

    model = tapeout.load(MODEL)
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(len(model.tokenizer), (ROWS, TOKENS), generator=draw)
    config = Collecting(
        divergence="kl", samples="last", parameters=(f"*layers.{LAYER}.mlp*",), batch_size=ROWS
    )
    if what != "floor":
        own = replace(config, path=path)
        return lambda: collect(model, ids, own, folder=folder if what == "keep" else None)
    module = model.hf.get_submodule(f"model.layers.{LAYER}.mlp")

    def floor() -> None:
        model.hf.requires_grad_(False)
        module.requires_grad_(True)
        logits = model.hf(ids, use_cache=False, logits_to_keep=1).logits
        logits[:, 0].log_softmax(-1)[:, 0].sum().backward()
        model.hf.zero_grad()

    return floor


def step_of(path: str, folder: str) -> tuple[Callable[[], object], dict]:
    """An update of encoder and decoder; the gradients of the batch are read in its first run."""
    import torch

    from tapeout.decompose import Directions, ExplicitGradients, StoredGradients

    stored = StoredGradients.load(folder)
    draw = torch.Generator().manual_seed(0)
    decoder = Directions.random(stored.shapes, DIRECTIONS, 1, draw).trainable()
    encoder = decoder.trainable()
    optimizer = torch.optim.Adam([*decoder.parameters(), *encoder.parameters()], lr=0.0)
    for p in (*decoder.parameters(), *encoder.parameters()):
        p.grad = torch.zeros_like(p)
    optimizer.step()  # makes its state
    held: list = []
    about: dict = {}

    def step() -> None:
        if not held:
            whole = stored.loaded()
            held.append(whole if path == "structured" else ExplicitGradients(whole.dense()))
        found = held[0]
        size = found.squared_norms()
        coefficients = found.contract(encoder)
        least = coefficients.detach().abs().flatten().topk(int(ACTIVE * coefficients.numel()))
        kept = coefficients * (coefficients.detach().abs() >= least.values[-1])
        fit = 2 * (kept * found.contract(decoder)).sum(1) - ((kept @ decoder.gram()) * kept).sum(1)
        loss = (size - fit).sum() / size.sum()
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        decoder.normalise_()
        about["loss"] = float(f"{loss.item():.6g}")

    parts = [part for each in stored.loaded().parts.values() for part in each]
    numbers = sum(tensor.numel() for part in parts for tensor in part.tensors().values())
    if path == "general":
        numbers = ROWS * sum(torch.Size(shape).numel() for shape in stored.shapes.values())
    about["kept_mb_per_sample"] = round(numbers * 4 / 2**20 / ROWS, 3)
    return step, about


if __name__ == "__main__":
    main()
