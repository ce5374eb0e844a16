"""The command line: parses, calls one function, prints a table."""

import sys

from rich.console import Console

from .. import looks
from ..errors import TapeoutError
from . import (  # noqa: F401 (they add commands)
    _amplify,
    _bridge,
    _circuits,
    _decompose,
    _delta,
    _figures,
    _models,
    _pages,
    _runs,
)
from ._app import app

app.command(name="tasks")(looks.tasks)
app.command(name="models")(looks.models)
app.command(name="show")(looks.show)


def main() -> None:
    """Entry point of the `tapeout` command."""
    try:
        app.cli(prog="tapeout", description="Find, prove and cut out circuits of language models.")
    except TapeoutError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False)
        sys.exit(2)
    except KeyboardInterrupt:
        message = "interrupted: the same command goes on from here"
        Console(stderr=True).print(message, markup=False)
        sys.exit(130)
