"""The page of all commands, read from the functions behind them without importing them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[2] / "src" / "tapeout"
FILES = (*sorted((PACKAGE / "cli").glob("*.py")), PACKAGE / "looks.py")
INTRO = (
    "# Every command\n\n`tapeout COMMAND --help` says the same. A command that was interrupted "
    "goes on from where it was when it is given again.\n"
)
Function = tuple[str, ast.FunctionDef]


def on_files(files: Any, *, config: Any) -> Any:
    """MkDocs: make the page."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "reference/commands.md", content=page()))
    return files


def page() -> str:
    """All commands by name, with what they take."""
    return "\n".join([INTRO, *(_told(name, made) for name, made in sorted(commands()))])


def commands() -> Iterator[Function]:
    """Every command's name, such as `find` or `delta apply`, and its function."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in FILES]
    functions = {
        node.name: node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)
    }
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                for call in filter(None, map(_call, node.decorator_list)):
                    yield _name(call), node
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                call, given = _call(node.value.func), node.value.args
                if call and given:  # app.command(name="show")(looks.show)
                    yield _name(call), functions[ast.unparse(given[0]).rpartition(".")[2]]


def _call(node: ast.expr) -> ast.Call | None:
    """`app.command(name=...)`, or None."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return node if is_call and node.func.attr == "command" and not node.args else None


def _name(call: ast.Call) -> str:
    group = ast.unparse(call.func).partition(".")[0]
    name = next(str(ast.literal_eval(k.value)) for k in call.keywords if k.arg == "name")
    return name if group == "app" else f"{group} {name}"


def _told(name: str, made: ast.FunctionDef) -> str:
    text, _, rest = (ast.get_docstring(made) or "").partition("\n\nArgs:\n")
    about = dict(re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", rest, re.MULTILINE))
    given = made.args.posonlyargs
    heading = " ".join([f"tapeout {name}", *(arg.arg.upper() for arg in given)])
    lines = [f"## `{heading}`", "", text, "", "| | default | |", "|---|---|---|"]
    first = [None] * (len(given) - len(made.args.defaults)) + made.args.defaults
    for arg, default in zip(given, first, strict=True):
        lines.append(_row(arg.arg.upper(), default, about.get(arg.arg, "")))
    for arg, default in zip(made.args.kwonlyargs, made.args.kw_defaults, strict=True):
        lines.append(_row(f"--{arg.arg.replace('_', '-')}", default, about.get(arg.arg, "")))
    return "\n".join([*lines, ""])


def _row(name: str, default: ast.expr | None, about: str) -> str:
    words = "" if default is None else _shown(default)
    said = " ".join(about.split()).replace("|", "\\|")
    return f"| `{name}` | {f'`{words}`' if words else ''} | {said} |"


def _shown(default: ast.expr) -> str:
    """As it would be given on the command line; nothing where there is nothing to give."""
    try:
        value = ast.literal_eval(default)
    except ValueError:
        return ast.unparse(default)
    if value is None or value is False:
        return ""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "on" if value is True else str(value)
