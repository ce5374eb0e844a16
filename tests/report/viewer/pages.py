"""What tests do with pages in a browser."""

from pathlib import Path
from typing import Any

STARTS = {"svg": b"<svg", "png": b"\x89PNG", "csv": b""}


def tab(page: Any, name: str) -> Any:
    """Go to a view; returns its element."""
    page.get_by_role("tab", name=name).click()
    return page.locator(f"#view-{name.lower()}")


def saved(page: Any, view: Any, kind: str, folder: Path) -> bytes:
    """What the first button of a kind saves."""
    with page.expect_download() as waiting:
        view.get_by_role("button", name=f"as {kind.upper()}").first.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.suffix == f".{kind}" and path.read_bytes().startswith(STARTS[kind])
    return path.read_bytes()
