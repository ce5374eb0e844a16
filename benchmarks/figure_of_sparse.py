"""Sizes of circuits in a weight-sparse model and its dense twin, as a picture for the docs.

python benchmarks/figure_of_sparse.py

Reads results/sparse-vs-dense.json and writes docs/sparse-vs-dense.svg; needs matplotlib.
"""

import json
from pathlib import Path

from of_sparse import learned

from tapeout.report import figures

HERE = Path(__file__).parent


def main() -> None:
    found = json.loads((HERE / "results" / "sparse-vs-dense.json").read_text(encoding="utf-8"))
    models = learned(found["rows"])
    figure = figures.sizes({name: models[name] for name in ("dense", "sparse")})
    figures.save(figure, HERE.parent / "docs" / "sparse-vs-dense.svg")


if __name__ == "__main__":
    main()
