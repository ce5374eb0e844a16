"""The page of commands has every command, with everything that it takes."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from tapeout.cli import app

from .test_names import hook


def ours(known: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Names and functions as the command line has them."""
    for name, spec in known._subcommands.items():
        if hasattr(spec.target, "_subcommands"):
            yield from ours(spec.target, f"{name} ")
        else:
            yield before + name, spec.target


COMMANDS = dict(ours(app))


def test_every_command_is_there_and_no_other():
    assert sorted(name for name, _ in hook("commands").commands()) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_with_all_that_it_takes_and_a_word_on_each(name: str):
    page = hook("commands").page()
    _, _, own = page.partition(f"## `tapeout {name}")
    own = own.partition("\n## ")[0]
    for parameter in inspect.signature(COMMANDS[name]).parameters.values():
        positional = parameter.kind is parameter.POSITIONAL_ONLY
        shown = parameter.name.upper() if positional else f"--{parameter.name.replace('_', '-')}"
        (row,) = [line for line in own.splitlines() if line.startswith(f"| `{shown}` |")]
        assert len(row.split(" | ")[-1]) > 3, f"{name} says nothing of {shown}"
