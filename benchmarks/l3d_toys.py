"""How well L3D takes apart toys whose circuits are known.

    python benchmarks/l3d_toys.py

Every toy (the best of 8 starts; of 32 for superposition), both divergences, and several numbers of
directions: rank 1, from 4,000 pairs of samples, with as many coefficients counting as samples have
features or groups active, about. `error` is the part of the gradients' energy that is not rebuilt
on 4,000 held-out pairs; errors of different divergences cannot be compared. Settings are the same
for every toy.

The other measures are those of `tapeout.decompose.toys.measures`. Seconds are the process's time
on all cores, so a busy machine adds little; `toy_seconds` is the toy's own training.

The second file, l3d-curves.json, has the root mean square change of outputs along main directions
of two toys, where the feature is active and elsewhere; for X -> X² also with only the middle layers
moved.

With --toys or --seeds the rows of other toys and seeds stay as they are in both files; a file's
`seconds` is the sum over rows.
"""

import argparse
import json
import sys
import time
from typing import Any

from _result import RESULTS, write

COUNTS = {
    "tms": (3, 5, 10),
    "tmcs": (5, 10, 20),
    "x2": (3, 5, 10),
    "high-rank": (5, 10),
    "tms-parallel": (15, 30),
}
SETTINGS: dict[str, Any] = {"steps": 1000, "batch_size": 64}
SAMPLES = 4000
DRAWN = {"tms": ("all",), "x2": ("all", "middle")}
DELTAS = [x / 10 for x in range(-20, 21)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--toys", default=",".join(COUNTS))
    parser.add_argument("--seeds", default="0,1,2")
    asked = parser.parse_args()
    del sys.argv[1:]  # the rows are those of the whole command
    for name in asked.toys.split(","):
        for seed in map(int, asked.seeds.split(",")):
            found = rows_of(name, seed)
            for file, new in zip(("l3d-toys", "l3d-curves"), found, strict=True):
                rows = _others(file, name, seed) + new
                rows.sort(key=lambda row: (list(COUNTS).index(row["toy"]), row["seed"]))
                write(file, rows, sum(row.get("seconds", 0) for row in rows))


def rows_of(name: str, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One toy under both divergences, with every number of directions; and its curves."""
    from tapeout.decompose import decompose, gradients
    from tapeout.decompose.toys import measures, toy

    start = time.process_time()
    known = toy(name, seed=seed)
    trained = time.process_time() - start
    train, test = (known.inputs(SAMPLES, seed=1000 * part + seed) for part in (1, 2))
    at_once = 1.5 if name == "tms-parallel" else 1.0
    rows, curves = [], []
    for divergence in ("public-code", "mse"):
        options: dict[str, Any] = {"divergence": divergence, "path": "general"}
        options["rows_at_once"] = SAMPLES
        start = time.process_time()
        taken = gradients(known.model, train, seed, **options)
        taking = time.process_time() - start
        held = gradients(known.model, test, seed, **options)
        for count in COUNTS[name]:
            start = time.process_time()
            found = decompose(taken, count=count, active=at_once / count, seed=seed, **SETTINGS)
            seconds = taking + time.process_time() - start
            about = {"toy": name, "divergence": divergence, "directions": count, "seed": seed}
            row = about | {
                "active": round(at_once / count, 4),
                "error": found.error(held),
                "train_error": found.train_error,
                **measures(known, found, taken),
                "dead": len(found.dead),
                "seconds": round(seconds, 1),
                "toy_seconds": round(trained, 1),
                "toy_loss": round(known.loss, 5),
                "split": "held-out pairs",
                "n": SAMPLES,
                **SETTINGS,
            }
            rows.append({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()})
            if seed == 0 and count == known.features:
                curves += curves_of(about, known, found, taken)
            print(rows[-1], flush=True)
    return rows, curves


def curves_of(about: dict[str, Any], known: Any, found: Any, taken: Any) -> list[dict[str, Any]]:
    """What moving along every feature's main direction does, by how far."""
    from tapeout.decompose import specificity
    from tapeout.decompose.toys import MIDDLE, main_directions

    inputs = known.inputs(2000, seed=3000)
    rows = []
    for layers in DRAWN.get(known.config.name, ()):
        only = MIDDLE if layers == "middle" else ("*",)
        for feature, index in main_directions(known, found, taken).items():
            active = inputs[:, feature] != 0
            args = known.model, found.decoder, index, inputs, active, DELTAS
            rows += [
                about
                | {"layers": layers, "feature": feature, "delta": effect.delta}
                | {"active": round(effect.active, 5), "rest": round(effect.rest, 5)}
                for effect in specificity(*args, only=only)
            ]
    return rows


def _others(file: str, toy: str, seed: int) -> list[dict[str, Any]]:
    """The rows of a file that stay."""
    path = RESULTS / f"{file}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    return [row for row in rows if (row["toy"], row["seed"]) != (toy, seed)]


if __name__ == "__main__":
    main()
