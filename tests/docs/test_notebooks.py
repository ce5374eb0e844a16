"""Every notebook runs from its first cell to its last, on small settings."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ..code_tokenizer import source_texts
from .pages import ROOT
from .test_names import hook

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
COUNTS = {"train": 24, "validation": 16, "test": 16, "reference": 16}
CODE = "code"
SMALL: dict[str, dict[str, Any]] = {
    "find-prove-extract": {"N": 60, "SHARES": (0.0, 0.5, 1.0), "BISECTIONS": 0},
    "make-it-small": {
        "BASE": {"steps": 2, "batch_size": 8, "layers": 1, "d_model": 8, "heads": 2, "d_mlp": 16},
        "RECIPE": {"rank": 2, "steps": 2, "batch_size": 8, "learning_rate": 1e-3},
        "MASKED": {"masked": 1.0, "masked_batch": 8, "anchor": 5.0, "anchor_batch": 4},
        "N": COUNTS,
        "SHARES": (0.0, 1.0),
    },
    "read-a-circuit": {
        "CORPUS": {
            "source": CODE,
            "vocabulary": 1200,
            "validation": 0.2,
            "tokenizer_programs": 1500,
            "programs": 200,
        },
        "TRAINING": {
            "steps": 4,
            "density": 0.3,
            "floor": 1,
            "programs": 0.4,
            "layers": 1,
            "d_model": 16,
            "d_head": 4,
            "length": 32,
            "batch_size": 4,
            "validated": 4,
        },
        "N": COUNTS,
        "MASK_STEPS": 2,
        "TARGET": {"share": 0.2},
    },
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")
def test_every_cell_runs(
    path: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPEOUT_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)
    Path(CODE).mkdir()
    for row, text in enumerate(source_texts()[:4]):
        Path(CODE, f"{row}.py").write_text(text[:40_000], encoding="utf-8")
    torch.manual_seed(0)
    namespace: dict[str, Any] = {"__name__": path.stem}
    for place, cell in enumerate(_code(path)):
        shown = _run("".join(cell["source"]), f"{path.name}, cell {place}", namespace)
        if "parameters" in cell["metadata"].get("tags", ()):
            assert set(SMALL[path.stem]) <= set(namespace)
            namespace |= SMALL[path.stem]
        for way in ("_repr_html_", "_repr_svg_"):
            getattr(shown, way, str)()


def _run(source: str, where: str, namespace: dict[str, Any]) -> Any:
    """As a notebook does: what the last line says is what is shown."""
    tree = ast.parse(source, where)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), namespace)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), where, "eval"), namespace)
    return None


def _code(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_there_are_three_and_each_has_its_small_settings() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(SMALL) and len(SMALL) == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_they_are_stored_without_outputs(path: Path) -> None:
    assert all(not c["outputs"] and c["execution_count"] is None for c in _code(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_has_all_of_a_notebook(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    page = hook("notebooks").page_of(notebook, path.name)
    assert page.startswith("# ") and f"]({path.name})" in page
    assert all("".join(cell["source"]) in page for cell in notebook["cells"])
