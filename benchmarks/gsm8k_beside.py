"""What a finished amplification did to GSM8K: the updates of its masks beside their base.

    tapeout run recipes/amplify-smollm2.yaml --jobs 2
    python benchmarks/gsm8k_beside.py FOLDER runs/amplify-smollm2

FOLDER holds GSM8K's `train.jsonl` and `test.jsonl`; the problems are the first of the shuffled test
file, behind our own worked examples.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from _result import write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gsm8k", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--only", default="on-branching", help="what names of stages begin with")
    parser.add_argument("--take", type=int, default=300)
    parser.add_argument("--limit", type=int, default=128)
    parser.add_argument("--batch", type=int, default=100)
    asked = parser.parse_args()

    import tapeout
    from tapeout.amplify import solve
    from tapeout.products import fast_products
    from tapeout.reasoning import build
    from tapeout.verify import paired

    began = time.perf_counter()
    task = build(
        "gsm8k", path=str(asked.gsm8k), n={"train": 8, "validation": 8, "test": asked.take}
    )
    results = json.loads((asked.run / "results.json").read_text(encoding="utf-8"))
    stages = results["stages"]
    how: dict[str, Any] = {"task": task, "limit": asked.limit, "batch_size": asked.batch}
    source = next(s["settings"]["source"] for s in stages.values() if s["kind"] == "load")
    solve = fast_products()(solve)
    base = solve(tapeout.load(source, dtype="float32"), task.test, **how)
    print(f"base: {base.accuracy.right} of {base.accuracy.n}", flush=True)
    rows = []
    for name, stage in stages.items():
        if not (name.startswith(asked.only) and is_masked(stage, stages)):
            continue
        model = tapeout.load(asked.run / "stages" / name)
        found = solve(model, task.test, **how)
        gain = paired(base.right, found.right).to_dict()
        rows.append(
            {
                "model": name,
                "seed": stage["settings"]["seed"],
                "split": found.split.name,
                "n": len(found.right),
                "accuracy_base": base.accuracy.value,
                "accuracy": found.accuracy.value,
                "answered_base": sum(base.answered) / len(base.answered),
                "answered": sum(found.answered) / len(found.answered),
                "gain": gain["value"],
                **{key: gain[key] for key in ("low", "high", "p", "gained", "lost")},
            }
        )
        print(rows[-1], flush=True)
    named = f"runs/{results['recipe']}"
    sys.argv = [named if Path(given) == asked.run else given for given in sys.argv]
    write("amplify-gsm8k", rows, time.perf_counter() - began)


def is_masked(stage: dict[str, Any], stages: dict[str, Any]) -> bool:
    """Whether it is an update of a learned mask's components."""
    circuit = stage["inputs"].get("circuit") if stage["kind"] == "amplify" else None
    return bool(circuit) and stages[circuit]["kind"] == "localise"


if __name__ == "__main__":
    main()
