"""Sizes of circuits in a weight-sparse model and its dense twin, as a picture for the docs.

python benchmarks/figure_of_sparse.py

Reads results/sparse-vs-dense.json and writes docs/sparse-vs-dense.svg; needs matplotlib.
"""

import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from of_sparse import MODELS, dense_to_sparse, sizes_of

HERE = Path(__file__).parent
COLOURS = {"sparse": "#0072b2", "dense": "#d55e00"}
PLACES = {"nodes": "nodes", "edges": "edges (nonzero weights between kept nodes)"}


def main() -> None:
    found = json.loads((HERE / "results" / "sparse-vs-dense.json").read_text(encoding="utf-8"))
    rows = found["rows"]
    targets = sorted({row["target_loss"] for row in rows})
    plt.rcParams |= {"svg.hashsalt": "tapeout", "font.size": 9, "svg.fonttype": "none"}
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    for place, size in zip(axes, PLACES, strict=True):
        for model in MODELS:
            for target in targets:
                sizes = list(sizes_of(rows, target, size, model).values())
                near = [target * 1.02 ** (2 * i - len(sizes) + 1) for i in range(len(sizes))]
                place.plot(near, sizes, "o", ms=3, alpha=0.6, color=COLOURS[model])
            place.plot([], [], "o", color=COLOURS[model], label=model)
        for target in targets:
            count, ratio = dense_to_sparse(rows, target, size)
            if count:
                top = max(max(sizes_of(rows, target, size, m).values()) for m in MODELS)
                place.annotate(f"{ratio:.0f}× ({count})", (target, top * 1.3), ha="center")
        place.set(xscale="log", yscale="log", xlabel="target loss, nats", title=PLACES[size])
        place.set_xticks(targets, [f"{target:g}" for target in targets], minor=False)
        place.minorticks_off()
        place.spines[["top", "right"]].set_visible(False)
        place.margins(y=0.15)
    axes[0].legend(frameon=False)
    figure.savefig(HERE.parent / "docs" / "sparse-vs-dense.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
