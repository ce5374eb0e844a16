"""Bridges and steering of a finished run as a committed result.

tapeout run recipes/sparse-bridges.yaml && python benchmarks/of_bridges.py runs/sparse-bridges
"""

import json
import sys
from pathlib import Path
from typing import Any

from _result import write


def main() -> None:
    folder = Path(sys.argv[1])
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    stages = found["stages"].values()
    (bridged,) = (stage["metrics"] for stage in stages if stage["kind"] == "bridge")
    steered = [stage for stage in stages if stage["kind"] == "steer"]
    rows = [*passes(bridged), *(row for stage in steered for row in strengths(stage))]
    sys.argv[1] = f"runs/{found['recipe']}"
    seconds = sum(stage["seconds"] for stage in stages)
    before = f"tapeout run recipes/{found['recipe']}.yaml && "
    write("bridges", rows, seconds, before=before)


def passes(bridged: dict[str, Any]) -> list[dict[str, Any]]:
    """Losses of both models, and of every run that starts in one and ends in the other."""
    tokens = bridged["crossed_tokens"]
    rows: list[dict[str, Any]] = [
        {
            "part": "model",
            "model": model,
            "tokens": tokens,
            "loss": bridged[f"{model}_loss"]["value"],
        }
        for model in ("dense", "sparse")
    ]
    for place in bridged["places"]:
        for way in ("to_sparse", "to_dense"):
            measured = place[way]
            row = {"part": "hybrid", "layer": place["layer"], "before": place["before"], "way": way}
            row |= {"tokens": tokens, "loss": measured["loss"]["value"], "nmse": measured["nmse"]}
            row |= {f"above_dense{end}": measured["above"][of] for end, of in ENDS.items()}
            rows.append(row | {"kl": measured["kl"]["value"]})
    return rows


ENDS = {"": "value", "_low": "low", "_high": "high"}


def strengths(stage: dict[str, Any]) -> list[dict[str, Any]]:
    """Probabilities of both answers by strength: the channel, all of its place, random ones."""
    rows, steered = [], stage["metrics"]
    for kind in ("steered", "whole", "random"):
        for some in steered[kind] if kind == "random" else [steered[kind]]:
            about = {"part": kind, "together": stage["settings"]["together"]}
            about |= {"channel": some["channel"], "split": steered["split"]}
            about |= {"n": steered["n"], "moved": some["moved"]["value"]}
            about |= {"turned": some["turned"]["value"]}
            about |= {"most": steered["counterfactual"]["value"]}
            rows += [
                about
                | {"strength": row["strength"]}
                | {a: row[a]["value"] for a in ("own", "other", "between")}
                for row in some["rows"]
            ]
    return rows


if __name__ == "__main__":
    main()
