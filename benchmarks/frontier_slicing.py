"""One point of a frontier on a sliced model against the same point with hooks.

    python benchmarks/frontier_slicing.py

The two take turns; each keeps its fastest of `--rounds`. Cutting the model is part of the time.
`allowed` is the full model's FLOPs over the sliced one's. Ranked at random, 5% of the nodes are 5%
of the channels and of the heads; ranked by attribution they are nearly all heads, few channels.
"""

import argparse
import time

from _result import write

SPEC = "mlp.post_act, attn.z:head"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shares", default="0.01,0.05,0.1,0.3,0.5")
    asked = parser.parse_args()

    import torch

    import tapeout
    from tapeout.interventions import means_over
    from tapeout.tasks import Counts

    began = time.perf_counter()
    model = tapeout.load(asked.model)
    counts = Counts(train=asked.n, validation=asked.n, test=asked.n, reference=asked.n)
    task = tapeout.tasks.ioi(model.tokenizer, n=counts)
    means = means_over(model, task.reference, SPEC)
    by_attribution = tapeout.find.attribution(model, task.train, SPEC, baseline="mean", means=means)
    rankings = {"random": tapeout.find.random(model, SPEC), "attribution": by_attribution}
    rows = []
    for ranking, scores in rankings.items():
        for share in map(float, asked.shares.split(",")):
            circuit = scores.top(share=share)
            found = point(model, task.validation, circuit, means, asked.rounds)
            about = {"model": asked.model, "task": "ioi", "split": task.validation.name}
            about |= {"n": asked.n, "replacement": "mean", "ranking": ranking}
            parts = {part: kept for part, (kept, _) in circuit.by_part().items()}
            sizes = {"share": share, "nodes": circuit.size, "kept": parts}
            rows.append(about | sizes | found | {"threads": torch.get_num_threads()})
            print(rows[-1])
    write("frontier-slicing", rows, time.perf_counter() - began)


def point(model, split, circuit, means, rounds: int) -> dict:
    """Seconds of the full model, and of the circuit with hooks and sliced."""
    from tapeout.verify import evaluate

    common = {"circuit": circuit, "replacement": means}
    times: dict[str, list[float]] = {"full": [], "hooks": [], "sliced": []}
    right = {}
    for _ in range(rounds):
        for how in times:
            options = {} if how == "full" else common | {"sliced": how == "sliced"}
            start = time.perf_counter()
            right[how] = evaluate(model, split, **options).accuracy.right
            times[how].append(time.perf_counter() - start)
    best = {how: min(spent) for how, spent in times.items()}
    return {
        "full_seconds": round(best["full"], 3),
        "hooks_seconds": round(best["hooks"], 3),
        "sliced_seconds": round(best["sliced"], 3),
        "ratio": round(best["hooks"] / best["sliced"], 2),
        "allowed": round(allowed(model, split, circuit, means), 2),
        "right_hooks": right["hooks"],
        "right_sliced": right["sliced"],
    }


def allowed(model, split, circuit, means) -> float:
    """The full model's FLOPs over the sliced one's, on one batch."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from tapeout.extraction import slice_model

    starts = sorted({item.prompt[0] for item in split.encoded})
    small = slice_model(model, circuit.universe.expand(circuit.kept), means, starts, share=True)
    batch = next(split.batches(64))
    counts = []
    for each in (model, small):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            each.logits(batch.tokens, keep=1)
        counts.append(counter.get_total_flops())
    return counts[0] / counts[1]


if __name__ == "__main__":
    main()
