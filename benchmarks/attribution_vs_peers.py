"""Attribution over all MLP channels and heads: Tapeout, its peers, and what plain torch takes.

    python benchmarks/attribution_vs_peers.py \
        --transformerlens PYTHON --circuitkit PYTHON

Each PYTHON is of an environment of its own, with `transformer-lens==4.3` or `circuitkit==0.2.0`.
Every row is a process of its own on the same pairs, model and threads, at the batch size that was
best for it; the rows go around `--rounds` times, and each keeps its fastest and its largest peak
memory; circuitkit goes once, on the first kind of pairs. Scores are compared with the ones made by
hand (`difference`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from _result import write

HERE = Path(__file__).resolve().parent / "attribution"


@dataclass(frozen=True)
class Entry:
    """A row: who does what, at which batch size."""

    who: str
    script: str
    batch: int
    what: str = "attribution"
    slow: bool = False


ENTRIES = (
    Entry("Tapeout", "ours", 32),
    Entry("Tapeout", "ours", 8),
    Entry("TransformerLens", "transformerlens", 70),
    Entry("TransformerLens", "transformerlens", 16),
    Entry("circuitkit", "circuitkit_eap", 8, slow=True),
    Entry("plain torch, by hand", "plain", 70),
    Entry("plain torch, forward and backward", "plain", 32, what="backward"),
    Entry("plain torch, forward and backward with weights", "plain", 32, what="train_step"),
)


def pairs_of(model_name: str, counterfactual: str, n: int) -> list[dict]:
    """IOI pairs as token ids and as text."""
    import tapeout

    model = tapeout.load(model_name)
    task = tapeout.tasks.ioi(model.tokenizer, n=n, counterfactual=counterfactual)
    return [
        {
            "clean": item.prompt,
            "corrupted": item.counterfactual,
            "clean_text": example.prompt,
            "corrupted_text": example.counterfactual,
            "answer": item.answers[0][0],
            "foil": item.foils[0][0],
        }
        for example, item in zip(task.train.examples, task.train.encoded, strict=True)
    ]


def run(entry: Entry, python: str, job: dict, folder: Path) -> dict:
    """One row, once."""
    repeats = 1 if entry.slow else 2
    scores = folder / "scores.json"
    full = job | {"batch": entry.batch, "what": entry.what, "repeats": repeats}
    (folder / "job.json").write_text(json.dumps(full | {"scores": str(scores)}), encoding="utf-8")
    environment = os.environ | {"OMP_NUM_THREADS": str(job["threads"])}
    done = subprocess.run(
        [python, HERE / f"{entry.script}.py", "--job", folder / "job.json"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,  # circuitkit writes a log where it is started
    )
    if done.returncode:
        raise SystemExit(f"{entry.who} failed:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    by_hand = entry.script != "plain" or entry.what == "attribution"
    found["scores"] = json.loads(scores.read_text(encoding="utf-8")) if by_hand else None
    return found


def difference(scores: dict | None, reference: dict) -> float | None:
    """Largest absolute difference of any node's score."""
    import torch

    if scores is None:
        return None
    return max(
        float((torch.tensor(scores[name]) - torch.tensor(reference[name])).abs().max())
        for name in reference
    )


def compare(asked: argparse.Namespace, counterfactual: str) -> list[dict]:
    """All rows on the pairs of one counterfactual."""
    from tapeout.models import alias_folder

    pythons = {
        "ours": sys.executable,
        "plain": sys.executable,
        "transformerlens": asked.transformerlens and os.path.abspath(asked.transformerlens),
        "circuitkit_eap": asked.circuitkit and os.path.abspath(asked.circuitkit),
    }
    found: dict[Entry, list[dict]] = {e: [] for e in ENTRIES if pythons[e.script]}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pairs = pairs_of(asked.model, counterfactual, asked.pairs)
        (folder / "pairs.json").write_text(json.dumps(pairs), encoding="utf-8")
        model, given = str(alias_folder(asked.model)), str(folder / "pairs.json")
        job = {"model": model, "pairs": given, "threads": asked.threads}
        for turn in range(asked.rounds):
            for entry, results in found.items():
                if entry.slow and (turn or counterfactual != "abc"):
                    continue
                results.append(run(entry, pythons[entry.script], job, folder))
                print(counterfactual, entry.who, entry.batch, round(results[-1]["seconds"], 2))
    by_hand = next(e for e in found if e.script == "plain" and e.what == "attribution")
    reference = found[by_hand][0]["scores"]
    return [
        {
            "who": entry.who,
            "version": results[0]["version"],
            "what": entry.what,
            "model": asked.model,
            "counterfactual": counterfactual,
            "nodes": results[0]["nodes"],
            "pairs": asked.pairs,
            "batch": entry.batch,
            "threads": asked.threads,
            "seconds": round(min(r["seconds"] for r in results), 2),
            "all_seconds": [round(s, 2) for r in results for s in r["all_seconds"]],
            "peak_mb": round(max(r["peak_mb"] for r in results)),
            "difference": difference(results[0]["scores"], reference),
        }
        for entry, results in found.items()
        if results
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--transformerlens", default="")
    parser.add_argument("--circuitkit", default="")
    asked = parser.parse_args()
    began = time.perf_counter()
    rows = [row for kind in ("abc", "s2_io_flip") for row in compare(asked, kind)]
    write("attribution-vs-peers", rows, time.perf_counter() - began)


if __name__ == "__main__":
    main()
