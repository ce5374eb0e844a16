"""How well L3D takes apart toys whose circuits are known.

    python benchmarks/l3d_toys.py

Every toy (the best of 8 starts), both divergences, and several numbers of directions: rank 1, from
4,000 pairs of samples, with as many coefficients counting as samples have features or groups
active, about. `error` is the part of the gradients' energy that is not rebuilt on 4,000 held-out
pairs; errors of different divergences cannot be compared. Settings are the same for every toy.

`coefficient_r2` is against the toy's own map from inputs to outputs, `coefficient_r2_of_a` against
the A that it was trained on, of which its few units can represent `r2_cap`. `mmcs` is against the
directions in which a feature's output answers its input most; `mmcs_whole` counts other features'
weights against a direction; `mmcs_weights` is against the weights themselves. `found` of `groups`
have a direction of their own. Moving along a feature's main direction until its output is gone
leaves `off_left` of it at most and changes the others' by `off_others` (mean over features, and the
worst); `off_wanted` is the change of others' outputs where those features are active themselves,
without what the feature that is turned off leaked into them.
`specificity` is how many times more outputs change where a feature is active than elsewhere, one
step of length 0.3 along its main direction (the mean of both signs, the median feature);
`specificity_middle` moves the middle layers alone.

With --toys the rows of other toys stay as they are in the file; `seconds` is the sum over rows.
"""

import argparse
import json
import statistics
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
MIDDLE = ("2.*", "4.*", "6.*")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--toys", default=",".join(COUNTS))
    parser.add_argument("--seeds", default="0,1,2")
    asked = parser.parse_args()
    names = asked.toys.split(",")
    del sys.argv[1:]  # the rows are those of the whole command
    rows = [row for row in _kept() if row["toy"] not in names]
    for name in names:
        for seed in map(int, asked.seeds.split(",")):
            rows += rows_of(name, seed)
        rows.sort(key=lambda row: list(COUNTS).index(row["toy"]))
        write("l3d-toys", rows, sum(row["seconds"] for row in rows))


def rows_of(name: str, seed: int) -> list[dict[str, Any]]:
    """One toy under both divergences, with every number of directions."""
    from tapeout.decompose import decompose, gradients
    from tapeout.decompose.toys import toy

    start = time.perf_counter()
    known = toy(name, seed=seed)
    trained = time.perf_counter() - start
    train, test = (known.inputs(SAMPLES, seed=1000 * part + seed) for part in (1, 2))
    at_once = 1.5 if name == "tms-parallel" else 1.0
    rows = []
    for divergence in ("public-code", "mse"):
        options: dict[str, Any] = {"divergence": divergence, "path": "general"}
        options["rows_at_once"] = SAMPLES
        start = time.perf_counter()
        taken = gradients(known.model, train, seed, **options)
        taking = time.perf_counter() - start
        held = gradients(known.model, test, seed, **options)
        for count in COUNTS[name]:
            start = time.perf_counter()
            found = decompose(taken, count=count, active=at_once / count, seed=seed, **SETTINGS)
            seconds = taking + time.perf_counter() - start
            row = {
                "toy": name,
                "divergence": divergence,
                "directions": count,
                "seed": seed,
                "active": round(at_once / count, 4),
                "error": round(found.error(held), 4),
                "train_error": round(found.train_error, 4),
                **measures(known, found, taken),
                "dead": len(found.dead),
                "seconds": round(seconds, 1),
                "toy_seconds": round(trained, 1),
                "toy_loss": round(known.loss, 5),
                "split": "held-out pairs",
                "n": SAMPLES,
                **SETTINGS,
            }
            rows.append(row)
            print({key: row[key] for key in list(row)[:14]}, flush=True)
    return rows


def measures(known: Any, found: Any, taken: Any) -> dict[str, Any]:
    """What the toy's kind allows to be measured."""
    from tapeout.decompose import toys

    used = found.coefficients(taken).square().mean(0).sqrt()
    strong = found.decoder.scaled(used)  # dead ones vanish
    alive = found.decoder.select(found.alive)
    row: dict[str, Any] = {
        "found": toys.groups_found(alive, known),
        "groups": len(known.groups),
    }
    if known.coefficients is not None:
        own, a = known.model.map(), known.coefficients
        coefficients = toys.coefficients_of(strong)
        row["coefficient_r2"] = toys.coefficient_r2(coefficients, own)
        row["coefficient_r2_of_a"] = toys.coefficient_r2(coefficients, a)
        row["r2_cap"] = toys.coefficient_cap(a, known.config.hidden)
    if known.config.name.startswith("tms"):
        row["mmcs"] = toys.mmcs(alive, known)
        row["mmcs_whole"] = toys.mmcs(alive, known, whole=True)
        row["mmcs_weights"] = toys.mmcs(alive, known, truth="weights")
        row["ml2r"] = toys.ml2r(alive, known)
    main_ones = _main_directions(known, strong, used)
    if known.config.name.startswith("tms"):
        row |= _turned_off(known, found.decoder, main_ones)
    if known.config.name == "x2":
        row["specificity"] = _specificity(known, found.decoder, main_ones, ("*",))
        row["specificity_middle"] = _specificity(known, found.decoder, main_ones, MIDDLE)
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}


def _main_directions(known: Any, directions: Any, used: Any) -> dict[int, int]:
    """For every feature that has directions of its own, the most used one."""
    from tapeout.decompose import toys

    owner = toys.owners(directions, known).tolist()
    best: dict[int, int] = {}
    for index, feature in enumerate(owner):
        if feature >= 0 and used[index] > used[best.get(feature, index)] * 0.999:
            best[feature] = index
    return best


def _turned_off(known: Any, directions: Any, main_ones: dict[int, int]) -> dict[str, float]:
    from tapeout.decompose import turned_off

    inputs = known.inputs(2000, seed=3000)
    deltas = [x / 20 for x in range(-160, 161)]
    offs, wanted = (
        [
            turned_off(known.model, directions, index, inputs, feature, deltas, counts=counts)
            for feature, index in main_ones.items()
        ]
        for counts in (None, inputs > 0)
    )
    return {
        "off_left": max(off.left for off in offs),
        "off_others": statistics.mean(off.others for off in offs),
        "off_others_worst": max(off.others for off in offs),
        "off_wanted": statistics.mean(off.others for off in wanted),
        "off_wanted_worst": max(off.others for off in wanted),
    }


def _specificity(
    known: Any, directions: Any, main_ones: dict[int, int], only: tuple[str, ...]
) -> float:
    from tapeout.decompose import specificity

    inputs = known.inputs(2000, seed=3000)
    ratios = []
    for feature, index in main_ones.items():
        active = inputs[:, feature] != 0
        steps = specificity(known.model, directions, index, inputs, active, (-0.3, 0.3), only=only)
        ratios.append(statistics.mean(step.ratio for step in steps))
    return statistics.median(ratios)


def _kept() -> list[dict[str, Any]]:
    path = RESULTS / "l3d-toys.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []


if __name__ == "__main__":
    main()
