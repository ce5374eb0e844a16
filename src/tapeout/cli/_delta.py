"""The commands about delta files: info, apply, revert, combine."""

from pathlib import Path

import tyro
from rich.console import Console

from ..errors import AmplifyError
from ._app import Positional, app, say_next

delta = tyro.extras.SubcommandApp()
app.command(delta, name="delta", help="Apply an edit of a model, take it back, look at it.")


@delta.command(name="info")
def info(file: Positional[Path], /) -> None:
    """Say what a delta changes: which layers, heads and channels, how much, how it came about.

    Args:
        file: A delta.safetensors, or a folder that has one.
    """
    from ..amplify import Delta
    from ..report import delta_tables

    console = Console()
    for table in delta_tables(Delta.load(file).info()):
        console.print(table)


@delta.command(name="apply")
def apply(model: Positional[str], file: Positional[Path], /, *, out: Path) -> None:
    """Write MODEL with the delta in FILE; it must be the model that the delta was made from.

    Args:
        model: An alias, a folder, a .gguf file or a Hugging Face id.
        file: A delta.safetensors, or a folder that has one.
        out: The folder to write, with the tokenizer.
    """
    _write(model, file, out, back=False)
    say_next(f"tapeout delta revert {out} {file} --out FOLDER", "to take it back")


@delta.command(name="revert")
def revert(model: Positional[str], file: Positional[Path], /, *, out: Path) -> None:
    """Write what MODEL was before the delta in FILE was applied, bit for bit.

    Args:
        model: The folder of a model that has the delta.
        file: A delta.safetensors, or a folder that has one.
        out: The folder to write, with the tokenizer.
    """
    _write(model, file, out, back=True)


@delta.command(name="combine")
def combine(files: Positional[tuple[Path, ...]], /, *, out: Path) -> None:
    """Write one delta that does what several do, where they change different weights.

    Args:
        files: Delta files, all from the same base.
        out: The file to write.
    """
    from ..amplify import Delta
    from ..amplify import combine as joined

    _said(joined(*map(Delta.load, files)).save(out))


def _write(model: str, file: Path, out: Path, *, back: bool) -> None:
    from ..amplify import Delta
    from ..models import load

    if out.exists() and Path(model).exists() and out.samefile(model):
        raise AmplifyError(f"{out} is the model itself: give another folder to write")
    change = Delta.load(file)
    given = load(model, dtype=change.dtype or "auto", device="cpu")
    (change.revert(given) if back else change.apply(given)).save_pretrained(out)
    _said(out)


def _said(path: Path) -> None:
    Console().print(f"written: {path}", markup=False, highlight=False)
