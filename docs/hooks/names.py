"""The reference: a page for every room, and one that lists every public name.

Names are read from the source without importing it, so the site builds without PyTorch.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[2] / "src" / "tapeout"
FLOW = (
    "models", "tasks", "bases", "sparse", "circuits", "interventions", "find", "extraction",
    "verify", "reshape", "generation", "reasoning", "amplify", "decompose", "runs", "report",
)  # fmt: skip
LEFT_OUT = ("cli",)
"""Commands; `commands.py` makes their page."""


def on_config(config: Any) -> Any:
    """MkDocs: put the rooms' pages into the navigation, in the order of `docs/design.md`."""
    pages = [{name: f"reference/{name}.md"} for name in pages_of_rooms()]
    for entry in config.nav:
        if "Reference" in entry:
            entry["Reference"] = [*entry["Reference"], *pages]
    return config


def on_files(files: Any, *, config: Any) -> Any:
    """MkDocs: make the pages."""
    from mkdocs.structure.files import File

    texts = {name: room_page(rooms) for name, rooms in pages_of_rooms().items()}
    for name, text in (texts | {"names": names_page()}).items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


@cache
def public() -> dict[str, dict[str, str]]:
    """Every room's public names, and what their docstrings begin with."""
    found = {"tapeout": {name: _about(*_source(PACKAGE, name)) for name in _names(PACKAGE)}}
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.parent if path.name == "__init__.py" else path
        parts = _parts(place)
        inside = path.name != "__init__.py" and len(parts) > 1
        if not parts or inside or parts[0] in LEFT_OUT or any(p.startswith("_") for p in parts):
            continue
        if names := _names(place):
            about = {name: _about(*_source(place, name)) for name in names}
            found[".".join(("tapeout", *parts))] = about
    return found


def pages_of_rooms() -> dict[str, list[str]]:
    """Page -> the rooms on it: a room with its inner rooms, and small modules all together."""
    rooms = [room for room in public() if room != "tapeout"]
    own = {room.split(".")[1] for room in rooms if (PACKAGE / room.split(".")[1]).is_dir()}
    order = [name for name in FLOW if name in own] + sorted(own - set(FLOW))
    pages = {name: [room for room in rooms if room.split(".")[1] == name] for name in order}
    return pages | {"small": [room for room in rooms if room.split(".")[1] not in own]}


def room_page(rooms: list[str]) -> str:
    title = rooms[0] if rooms[0].split(".")[1] in FLOW else "Small modules"
    lines = [f"# {title}", ""]
    for room in rooms:
        names = sorted(public()[room])
        lines += [f"::: {room}", "    options:", "      members:"]
        lines += [f"        - {name}" for name in names] + [""]
        for name in names:
            if _is_hidden(room, name):
                lines += [
                    f"::: {_hidden(room, name)}",
                    "    options:",
                    "      heading_level: 3",
                    "",
                ]
    return "\n".join(lines)


def _is_hidden(room: str, name: str) -> bool:
    """A function that is called as the module it lies in: readers of source see the module."""
    return PACKAGE.joinpath(*room.split(".")[1:], f"{name}.py").is_file()


def _hidden(room: str, name: str) -> str:
    return f"{room}.{name}.{name}"


def names_page() -> str:
    lines = ["# Every public name", "", "What is not here is private and may change.", ""]
    for room, names in public().items():
        lines += [f"## {room}", "", "| | |", "|---|---|"]
        lines += [f"| {_link(room, name)} | {about} |" for name, about in sorted(names.items())]
        lines.append("")
    return "\n".join(lines)


def _link(room: str, name: str) -> str:
    if _unpacked(*_source(_place(room), name)):
        return f"`{name}`"
    if room != "tapeout":
        target = _hidden(room, name) if _is_hidden(room, name) else f"{room}.{name}"
        return f"[`{name}`][{target}]"
    place, own = _source(PACKAGE, name)
    inside = [_parts(place)[0], own] if own else [name]
    return f"[`{name}`][{'.'.join(('tapeout', *inside))}]"


def _unpacked(place: Path, name: str) -> bool:
    """`A, B = 1, 2`, which mkdocstrings does not read."""
    return bool(name) and any(
        isinstance(target, ast.Tuple) and name in map(ast.unparse, target.elts)
        for node in _tree(place).body
        for target in (node.targets if isinstance(node, ast.Assign) else ())
    )


def _place(room: str) -> Path:
    place = PACKAGE.joinpath(*room.split(".")[1:])
    return place if place.is_dir() else place.with_suffix(".py")


def _parts(place: Path) -> tuple[str, ...]:
    """Where in the package a room is: `find/masks` and `errors.py` are find, masks and errors."""
    return tuple(part.removesuffix(".py") for part in place.relative_to(PACKAGE).parts)


def _names(place: Path) -> list[str]:
    """`__all__`; else what a module defines; of the package itself, what type checkers see."""
    tree = _tree(place)
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return _listed(tree, node.value)
    return [name for node in tree.body for name in _defined(node) if not name.startswith("_")]


def _listed(tree: ast.Module, value: ast.expr) -> list[str]:
    try:
        return list(ast.literal_eval(value))
    except ValueError:
        checked = next(node for node in tree.body if isinstance(node, ast.If))
        return [name.name for node in checked.body for name in getattr(node, "names", ())]


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.AnnAssign):
        yield ast.unparse(node.target)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            yield from map(ast.unparse, target.elts if isinstance(target, ast.Tuple) else [target])


def _source(place: Path, name: str) -> tuple[Path, str]:
    """The module that defines what `place` calls `name`, and its name there; none for a module."""
    imports = (node for node in ast.walk(_tree(place)) if isinstance(node, ast.ImportFrom))
    for node in imports:
        for alias in node.names if node.level else ():
            if (alias.asname or alias.name) == name:
                base = (place / "__init__.py" if place.is_dir() else place).parents[node.level - 1]
                if node.module is None:
                    return base / alias.name, ""
                target = base.joinpath(*node.module.split("."))
                return _source(target if target.is_dir() else target.with_suffix(".py"), alias.name)
    return place, name


def _about(place: Path, name: str) -> str:
    """The first sentence of a docstring, or of the string below a constant, or nothing."""
    text = _text(_tree(place), name)
    first = text.split("\n\n")[0].replace("\n", " ")
    return first.replace("|", "\\|")


def _text(tree: ast.Module, name: str) -> str:
    if not name:
        return ast.get_docstring(tree) or ""
    for node, below in zip(tree.body, [*tree.body[1:], None], strict=True):
        if name in _defined(node):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                if text := ast.get_docstring(node):  # overloads have none
                    return text
            elif isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                return inspect.cleandoc(str(below.value.value))
    return ""


@cache
def _tree(place: Path) -> ast.Module:
    path = place / "__init__.py" if place.is_dir() else place
    return ast.parse(path.read_text(encoding="utf-8"))
