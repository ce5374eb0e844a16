"""What extraction gains, against what the saved multiplications allow.

    python benchmarks/extraction.py

`allowed` is the full model's FLOPs over the extracted one's, `speedup` the ratio of their tokens
per second, `reached` the second over the first. The models take turns, see `side_by_side`.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from _result import write

SPECS = ("mlp.post_act", "mlp.post_act, attn.z:head")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--shares", default="0.7,0.5,0.3,0.1")
    asked = parser.parse_args()

    import tapeout
    from tapeout.extraction import extract, side_by_side
    from tapeout.interventions import means_over

    began = time.perf_counter()
    model = tapeout.load(asked.model)
    task = tapeout.tasks.ioi(model.tokenizer, n=100)
    batch = next(task.test.take(asked.rows).batches(asked.rows))
    rows = []
    for spec in SPECS:
        means = means_over(model, task.reference, spec)
        scores = tapeout.find.attribution(model, task.train, spec, baseline="mean", means=means)
        for share in map(float, asked.shares.split(",")):
            circuit = replace(scores.top(share=share), means=means.values)
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                circuit.save(folder / "circuit")
                small = extract(model, circuit, means, first_tokens=task.first_tokens)
                small.save_pretrained(folder / "small")
                found = side_by_side(
                    asked.model,
                    folder / "circuit",
                    folder / "small",
                    batch.tokens,
                    seconds=asked.seconds,
                )
            rows.append(row_of(asked.model, spec, circuit, found))
            print(rows[-1])
    write("extraction", rows, time.perf_counter() - began)


def row_of(model: str, spec: str, circuit, found) -> dict:
    full, _, small = found.models
    allowed = full.flops_per_token / small.flops_per_token
    speedup = small.tokens_per_second / full.tokens_per_second
    return {
        "model": model,
        "universe": spec,
        "share": round(circuit.share, 4),
        "nodes": circuit.size,
        "replacement": "mean",
        "rows": found.rows,
        "length": found.length,
        "parameters_full": full.parameters,
        "parameters_extracted": small.parameters,
        "tokens_per_second_full": round(full.tokens_per_second, 1),
        "tokens_per_second_extracted": round(small.tokens_per_second, 1),
        "speedup": round(speedup, 3),
        "allowed": round(allowed, 3),
        "reached": round(speedup / allowed, 3),
        "peak_mb_full": round(full.peak_mb),
        "peak_mb_extracted": round(small.peak_mb),
        "max_logit_difference": found.max_logit_difference,
        "logit_scale": found.logit_scale,
        "threads": found.threads,
    }


if __name__ == "__main__":
    main()
