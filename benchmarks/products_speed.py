"""What oneDNN's products of float32 matrices gain over PyTorch's own: forwards, gradients, writing.

    python benchmarks/products_speed.py

Both take turns; each keeps its fastest of `--rounds`. `difference` is the largest between results,
logits or gradients, as a part of the largest of them; `same` counts the rows that are token for
token the same. `gflops` count what the weights' products take, over the whole time.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from _result import write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--length", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()

    import os

    os.environ["TAPEOUT_ONEDNN"] = "1"
    import torch

    import tapeout
    from tapeout.generation import generate
    from tapeout.products import applies

    if not applies():
        raise SystemExit("this PyTorch has no oneDNN")
    began = time.perf_counter()
    model = tapeout.load(asked.model, dtype="float32")
    model.hf.generation_config.eos_token_id = None
    torch.manual_seed(0)
    ids = torch.randint(100, 5000, (asked.rows, asked.length))
    weights = sum(p.numel() for p in model.hf.parameters() if p.dim() == 2)
    each = 2 * weights * asked.rows * asked.length / 1e9

    def forward() -> Any:
        with torch.no_grad():
            return model.hf(input_ids=ids).logits

    def gradients() -> Any:
        model.hf.zero_grad()
        model.hf(input_ids=ids, labels=ids).loss.backward()
        return model.hf.model.layers[0].mlp.up_proj.weight.grad.clone()

    def writing() -> Any:
        return [row.ids for row in generate(model, ids.tolist(), limit=asked.length)]

    rows = []
    for what, run, flops in (
        ("forward", forward, each),
        ("forward and backward", gradients, 3 * each),
        ("writing", writing, 2 * each),
    ):
        row = {"what": what, "model": asked.model, "rows": asked.rows, "tokens": asked.length}
        row |= compared(run, asked.rounds, flops) | {"threads": torch.get_num_threads()}
        rows.append(row)
        print(row, flush=True)
    write("products-speed", rows, time.perf_counter() - began)


def compared(run: Callable[[], Any], rounds: int, flops: float) -> dict[str, Any]:
    """Seconds of both, and how far apart their results are."""
    from tapeout.products import fast_products

    best, found = {}, {}
    for _ in range(rounds):
        for name, context in (("pytorch", nullcontext), ("onednn", fast_products)):
            with context():
                start = time.perf_counter()
                found[name] = run()
                seconds = time.perf_counter() - start
            best[name] = min(best.get(name, seconds), seconds)
    row: dict[str, Any] = {f"{name}_seconds": round(took, 3) for name, took in best.items()}
    row |= {f"{name}_gflops": round(flops / took) for name, took in best.items()}
    row["ratio"] = round(best["pytorch"] / best["onednn"], 2)
    one, other = found["pytorch"], found["onednn"]
    if isinstance(one, list):
        return row | {"same": sum(a == b for a, b in zip(one, other, strict=True))}
    return row | {"difference": float((one - other).abs().max() / one.abs().max())}


if __name__ == "__main__":
    main()
