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
def test_stored_outputs_are_of_one_run_from_the_top(path: Path) -> None:
    counts = [cell["execution_count"] for cell in _code(path)]
    assert counts in ([None] * len(counts), list(range(1, len(counts) + 1)))
    assert all(output["output_type"] != "error" for c in _code(path) for output in c["outputs"])
    assert "/tmp/" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_has_all_of_a_notebook(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    page = hook("notebooks").page_of(notebook, path.name)
    assert page.startswith("# ") and f"]({path.name})" in page
    assert all("".join(cell["source"]) in page for cell in notebook["cells"])


def test_a_page_shows_what_a_run_showed() -> None:
    outputs = [
        {"output_type": "stream", "text": ["one\n", "two\n"]},
        {"output_type": "execute_result", "data": {"text/html": ["<table></table>"]}},
        {"output_type": "display_data", "data": {"image/svg+xml": ["<svg/>"], "text/plain": ["f"]}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title"]},
        {"cell_type": "code", "source": ["f()"], "outputs": outputs},
    ]
    page = hook("notebooks").page_of({"cells": cells}, "a.ipynb")
    picture = "data:image/svg+xml;base64,PHN2Zy8+"
    assert "```text\none\ntwo\n```" in page and "\n\n<table></table>" in page and picture in page
