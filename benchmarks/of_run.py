"""The evidence of a finished run as a committed result.

tapeout run recipes/NAME.yaml --out runs/NAME && python benchmarks/of_run.py runs/NAME
"""

import json
import sys
from pathlib import Path

from _result import write


def main() -> None:
    folder = Path(sys.argv[1])
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    stages = found["stages"].values()
    proofs = [stage["metrics"] for stage in stages if stage["kind"] == "verify"]
    speeds = [stage["metrics"] for stage in stages if stage["kind"] == "measure"]
    name = found["recipe"]
    sys.argv[1] = f"runs/{name}"
    rows = [row_of(proof) for proof in proofs] + [costs_of(speed) for speed in speeds]
    for stage in stages:
        rows += PARTS[stage["kind"]](stage["metrics"]) if stage["kind"] in PARTS else []
    seconds = sum(stage["seconds"] for stage in stages)
    write(name, rows, seconds, before=f"tapeout run recipes/{name}.yaml --out runs/{name} && ")


def row_of(proof: dict) -> dict:
    """One line of evidence, flat."""
    about = ("split", "n", "replacement", "reference", "criterion", "size", "share", "ar_by")
    shares = ("full", "teacher_forced", "autoregressive", "empty", "necessity")
    row = {key: proof[key] for key in about}
    row |= {f"kept {part}": sizes["kept"] for part, sizes in proof["by_part"].items()}
    row |= {f"{key}_right": proof[key]["right"] for key in shares}
    row["random_right"] = [share["right"] for share in proof["random"]]
    return row | {"kl": proof["kl"]["value"]}


def costs_of(speed: dict) -> dict:
    """Full and extracted model, flat."""
    full, _, small = speed["models"]
    row = {key: speed[key] for key in ("rows", "length", "dtype", "threads")}
    for key in ("parameters", "flops_per_token", "tokens_per_second", "peak_mb"):
        row |= {f"{key}_full": full[key], f"{key}_extracted": small[key]}
    return row | {key: speed[key] for key in ("max_logit_difference", "logit_scale")}


def trained(metrics: dict) -> list[dict]:
    """A training, flat."""
    names = ("nonzero", "kept_sparse", "density", "tokens", "validation_loss", "validation_tokens")
    return [{"part": "trained"} | {name: metrics[name] for name in names}]


def wired(metrics: dict) -> list[dict]:
    """The weights between a circuit's nodes."""
    names = ("split", "n", "nodes", "edges", "edges_embedding", "edges_unembedding", "biases")
    return [{"part": "weights"} | {name: metrics[name] for name in names}]


def needed(metrics: dict) -> list[dict]:
    """Losses with and without a circuit, and what its ten most needed nodes add to its loss."""
    whole = metrics["inverse"]
    about = {name: whole[name] for name in ("split", "n", "replacement", "objective")}
    losses = {name: whole[name]["value"] for name in ("full", "circuit", "without")}
    rows = [{"part": "inverse pruning"} | about | losses]
    rows[0]["random"] = [loss["value"] for loss in whole["random"]]
    for node in metrics["effects"]["rows"][:10]:
        rises = {name: node[name]["value"] for name in ("in_circuit", "in_model")}
        rows.append({"part": "without one node", "node": node["node"]} | about | rises)
    return rows


PARTS = {"train": trained, "weight_edges": wired, "checks": needed}


if __name__ == "__main__":
    main()
