"""Notebooks as pages: what a notebook says and runs, and a link to the notebook itself."""

import json
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def on_files(files: Any, *, config: Any) -> Any:
    """MkDocs: make a page of every notebook."""
    from mkdocs.structure.files import File

    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        text = page_of(notebook, path.name)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text))
    return files


def page_of(notebook: dict[str, Any], name: str) -> str:
    """Its cells as Markdown; outputs are not shown, since stored notebooks have none."""
    title, *rest = [_cell(cell) for cell in notebook["cells"]]
    link = f"[This notebook to download and run]({name})"
    return "\n\n".join([title, link, *rest]) + "\n"


def _cell(cell: dict[str, Any]) -> str:
    text = "".join(cell["source"])
    return f"```python\n{text}\n```" if cell["cell_type"] == "code" else text
