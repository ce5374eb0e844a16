"""What a step of mask learning costs, beside a plain forward and backward of the same rows.

    python benchmarks/mask_learning_cost.py

The floor is one forward and backward over the clean and the corrupted rows together, down to the
embeddings' output and without gradients of weights. Every step meets rows that it has not seen, so
that nothing is remembered from an earlier one. Times of step and floor are taken in turn in one
process (medians); peaks are those of processes that do nothing else.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from _result import write

STEPS, WARM = 3, 1
METHODS = ("node-pruning", "heaviside-pruning", "edge-pruning", "edge attribution")
MODELS = {"gpt2 shape": (32, 64), "smollm2": (16, 0)}
"""Model -> rows in a batch, tokens in a row (0: as the task has it)."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=3, metavar=("WHAT", "METHOD", "MODEL"))
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(*chosen.one)))
        return
    start, rows = time.time(), []
    for model in chosen.models:
        floor = apart("peak", "floor", model)
        for method in METHODS:
            row = {"method": method, "model": model, **apart("time", method, model)}
            row |= {"peak_mb": apart("peak", method, model)["peak_mb"]}
            row |= {"floor_peak_mb": floor["peak_mb"]}
            row["time_ratio"] = round(row["seconds_per_step"] / row["floor_seconds"], 3)
            row["memory_ratio"] = round(row["peak_mb"] / row["floor_peak_mb"], 3)
            print(row, flush=True)
            rows.append(row)
    write("mask-learning-cost", rows, time.time() - start)


def apart(*what: str) -> dict:
    """Measured in a process of its own."""
    command = [sys.executable, __file__, "--one", *what]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(what: str, method: str, name: str) -> dict:
    from tapeout.memory import peak_mb, reset_peak

    model, split, batch = given(name)
    floor = floor_of(model, split, batch)
    step = floor if method == "floor" else step_of(method, model, split, batch)
    if what == "peak":
        reset_peak()
        for _ in range(2):
            step()
        return {"peak_mb": round(peak_mb())}
    times: dict[str, list[float]] = {"seconds_per_step": [], "floor_seconds": []}
    for _ in range(STEPS):
        for key, run in (("seconds_per_step", step), ("floor_seconds", floor)):
            start = time.perf_counter()
            run()
            times[key].append(time.perf_counter() - start)
    length = next(split.batches(batch)).tokens.ids.shape[1]
    row = {key: round(statistics.median(values[WARM:]), 4) for key, values in times.items()}
    import torch

    return {"batch": batch, "length": length, "threads": torch.get_num_threads()} | row


def given(name: str):
    """A model, examples for every step, and the batch size."""
    import tapeout

    rows, length = MODELS[name]
    n = rows * STEPS
    if name == "smollm2":
        model = tapeout.load(name)
        counts = tapeout.tasks.Counts(train=n, validation=16, test=16, reference=16)
        return model, tapeout.tasks.ioi(model.tokenizer, n=counts).train, rows
    import torch
    import transformers
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    from tapeout.models import Model
    from tapeout.tasks import Example, Split

    torch.manual_seed(0)
    config = transformers.GPT2Config(bos_token_id=None, eos_token_id=None)
    words = {f"w{number}": number for number in range(config.vocab_size)}
    plain = Tokenizer(WordLevel(words, unk_token="w0"))
    plain.pre_tokenizer = WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="w0")
    model = Model(transformers.GPT2LMHeadModel(config).eval(), tokenizer, name=name)
    draw = random.Random(0)

    def text() -> str:
        return " ".join(draw.choices(list(words), k=length))

    examples = [
        Example(prompt=text(), answers=(" w1",), foils=(" w2",), counterfactual=text())
        for _ in range(n)
    ]
    return model, Split(name="random/train", examples=examples, tokenizer=tokenizer), rows


def floor_of(model, split, rows: int) -> Callable[[], object]:
    """Forward and backward over clean and corrupted rows, new ones at every call."""
    import torch

    batches = iter(list(split.batches(rows, partner="counterfactual")) * 2)
    embedding = model.hf.get_submodule(model.anatomy.family.embed)

    def leaf(module, args, out):
        return out.detach().requires_grad_()

    def run() -> None:
        batch = next(batches)
        handle = embedding.register_forward_hook(leaf)
        with torch.enable_grad(), model.frozen():
            ids = torch.cat([batch.tokens.ids, batch.partners.ids])
            logits = model.hf(input_ids=ids, logits_to_keep=1, use_cache=False).logits
            logits[:, 0].float().log_softmax(-1)[:, 1].sum().backward()
        handle.remove()

    return run


def step_of(method: str, model, split, rows: int) -> Callable[[], object]:
    """A step of training a mask; or edges scored over one batch."""
    import tapeout.find as find
    from tapeout.find.masks import EDGES, PRESETS, learn_edges, learn_mask
    from tapeout.interventions import means_over

    if method == "edge attribution":
        places = [range(start, start + rows) for start in range(0, len(split), rows)]
        parts = iter([split.subset(place, "batch") for place in places] * 2)
        return lambda: find.edge_attribution(model, next(parts), batch_size=rows)
    preset = PRESETS[method]
    options: dict[str, Any] = {"config": config_of(preset, rows)}
    if preset.universe != EDGES:
        options |= {"universe": preset.universe}
        if preset.config.replacement == "mean":
            reference = split.subset(range(rows), "reference")
            options["means"] = means_over(model, reference, preset.universe)
    learn = learn_edges if preset.universe == EDGES else learn_mask
    return paused(lambda progress: learn(model, split, progress=progress, **options))


def config_of(preset, rows: int):
    from dataclasses import replace

    return replace(preset.config, steps=STEPS, batch_size=rows)


def paused(train) -> Callable[[], object]:
    """Training that goes one step at a call, in a thread that waits in between."""
    import threading

    go, done = threading.Semaphore(0), threading.Semaphore(0)

    def progress(step: int, steps: int) -> None:
        done.release()
        go.acquire()

    def run() -> None:
        go.acquire()
        train(progress)

    threading.Thread(target=run, daemon=True).start()

    def step() -> None:
        go.release()
        done.acquire()

    return step


if __name__ == "__main__":
    main()
