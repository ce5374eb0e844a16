"""Every block of Python in the documentation runs, page by page, in one namespace each."""

from pathlib import Path

import pytest
import torch

from .pages import PAGES, Block, blocks, name_of

WITH_PYTHON = [page for page in PAGES if any(b.language == "python" for b in blocks(page))]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
@pytest.mark.filterwarnings("default")
def test_python_runs(page: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAPEOUT_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": name_of(page)}
    for block in blocks(page):
        if block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            torch.manual_seed(0)
            _run(page, block, namespace)


def _run(page: Path, block: Block, namespace: dict[str, object]) -> None:
    """With the page's own line numbers, so that a traceback points into the page."""
    source = "\n" * (block.line - 1) + block.text
    exec(compile(source, str(page), "exec"), namespace)


def test_there_is_something_to_run():
    assert len(WITH_PYTHON) > 10


def test_the_small_model_can_do_what_the_pages_ask_of_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch
):
    import tapeout

    monkeypatch.setenv("TAPEOUT_CACHE", str(cache))
    model = tapeout.load("smollm2")
    task = tapeout.tasks.pronouns(model.tokenizer, n=300, seed=0)
    assert tapeout.verify.worth(model, task).accuracy.value > 0.9
