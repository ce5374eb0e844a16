"""Notebooks as pages: what a notebook says, runs and showed, and a link to the notebook itself."""

import base64
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
    """Its cells as Markdown, with what the stored run showed."""
    title, *rest = [_cell(cell) for cell in notebook["cells"]]
    link = f"[This notebook to download and run]({name})"
    return "\n\n".join([title, link, *rest]) + "\n"


def _cell(cell: dict[str, Any]) -> str:
    text = "".join(cell["source"])
    if cell["cell_type"] != "code":
        return text
    return "\n\n".join([_fenced("python", text), *map(_output, cell["outputs"])])


def _output(output: dict[str, Any]) -> str:
    """A picture, a table, or else text."""
    data = output.get("data", {"text/plain": output.get("text", [])})
    if "image/svg+xml" in data:
        coded = base64.b64encode("".join(data["image/svg+xml"]).encode()).decode()
        return f'<img alt="figure" src="data:image/svg+xml;base64,{coded}">'
    if "text/html" in data:
        return "".join(data["text/html"])
    return _fenced("text", "".join(data["text/plain"]).rstrip("\n"))


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
