"""What moving along directions of two toys does, as a picture for the docs.

    python benchmarks/figure_of_l3d.py

Reads results/l3d-curves.json and writes docs/l3d-specificity.svg; needs matplotlib.
"""

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt

HERE = Path(__file__).parent
DIVERGENCE = "mse"
PLACES = {
    ("tms", "all"): "superposition",
    ("x2", "all"): "X → X²",
    ("x2", "middle"): "X → X², middle layers alone",
}
LINES = {"active": ("#0072b2", "where the feature is active"), "rest": ("#d55e00", "elsewhere")}


def main() -> None:
    path = HERE / "results" / "l3d-curves.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    plt.rcParams |= {"svg.hashsalt": "tapeout", "font.size": 9, "svg.fonttype": "none"}
    figure, axes = plt.subplots(1, len(PLACES), figsize=(8, 2.8), layout="constrained")
    for place, ((toy, layers), title) in zip(axes, PLACES.items(), strict=True):
        wanted = {"toy": toy, "layers": layers, "divergence": DIVERGENCE}
        _draw(place, [row for row in rows if wanted.items() <= row.items()])
        place.set(title=title, xlabel="moved by δ (directions have norm 1)")
        place.spines[["top", "right"]].set_visible(False)
        place.set_ylim(bottom=0)
    axes[0].set_ylabel("change of outputs (RMS)")
    axes[0].legend(frameon=False, loc="upper center")
    figure.savefig(HERE.parent / "docs" / "l3d-specificity.svg", metadata={"Date": None})


def _draw(place: Any, rows: list[dict[str, Any]]) -> None:
    """A line of each kind for every feature."""
    for feature in sorted({row["feature"] for row in rows}):
        own = sorted((row for row in rows if row["feature"] == feature), key=lambda r: r["delta"])
        for kind, (colour, label) in LINES.items():
            shown = label if feature == rows[0]["feature"] else None
            deltas, changes = [r["delta"] for r in own], [r[kind] for r in own]
            place.plot(deltas, changes, color=colour, lw=1, alpha=0.8, label=shown)


if __name__ == "__main__":
    main()
