"""One point of a frontier on a sliced model against the same point with hooks.

    python benchmarks/frontier_slicing.py

The two take turns; each keeps its fastest of `--rounds`. Cutting the model is part of the time. The
floor is what the kept weights' multiplications take of a full forward.
"""

import argparse
import time

from _result import write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shares", default="0.01,0.05,0.1,0.3,0.5,1.0")
    asked = parser.parse_args()

    import torch

    import tapeout
    from tapeout.interventions import means_over
    from tapeout.tasks import Counts
    from tapeout.verify import evaluate

    began = time.perf_counter()
    model = tapeout.load(asked.model)
    counts = Counts(train=asked.n, validation=asked.n, test=asked.n, reference=asked.n)
    task = tapeout.tasks.ioi(model.tokenizer, n=counts)
    spec = "mlp.post_act, attn.z:head"
    means = means_over(model, task.reference, spec)
    scores = tapeout.find.attribution(model, task.train, spec, baseline="mean", means=means)

    def seconds(**options: object) -> tuple[float, int]:
        start = time.perf_counter()
        outcome = evaluate(model, task.validation, **options)
        return time.perf_counter() - start, outcome.accuracy.right

    rows = []
    for share in map(float, asked.shares.split(",")):
        circuit = scores.top(share=share)
        common = {"circuit": circuit, "replacement": means}
        times: dict[str, list[float]] = {"full": [], "hooks": [], "sliced": []}
        right = {}
        for _ in range(asked.rounds):
            for how in times:
                options = {} if how == "full" else common | {"sliced": how == "sliced"}
                spent, right[how] = seconds(**options)
                times[how].append(spent)
        best = {how: min(spent) for how, spent in times.items()}
        row = {
            "model": asked.model,
            "task": "ioi",
            "split": task.validation.name,
            "n": asked.n,
            "replacement": "mean",
            "share": share,
            "nodes": circuit.size,
            "full_seconds": round(best["full"], 3),
            "hooks_seconds": round(best["hooks"], 3),
            "sliced_seconds": round(best["sliced"], 3),
            "ratio": round(best["hooks"] / best["sliced"], 2),
            "right_hooks": right["hooks"],
            "right_sliced": right["sliced"],
            "threads": torch.get_num_threads(),
        }
        print(row)
        rows.append(row)
    write("frontier-slicing", rows, time.perf_counter() - began)


if __name__ == "__main__":
    main()
