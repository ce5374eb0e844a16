"""Every command in the documentation parses, and every file that it names is there."""

import copy
import functools
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tapeout.cli import app
from tapeout.runs import parse_recipe, read_comparison, read_recipe

from .pages import PAGES, ROOT, blocks, name_of

Parse = Callable[[str], tuple[str, dict[str, Any]]]
PLAIN = ("", "sh", "bash", "console")


def commands(page: Path) -> Iterator[str]:
    """Lines of plain blocks that begin with a program's name."""
    for block in blocks(page):
        if block.language in PLAIN and not block.title:
            for line in block.text.splitlines():
                line = line.split("  #")[0].split(" # ")[0].strip()
                if re.match(r"(tapeout|make|pip|python|CUDA_VISIBLE_DEVICES=\S*) ", line):
                    yield from (part.strip() for part in line.split("&&"))


FOUND = sorted({line for page in PAGES for line in commands(page)})
OURS = [line for line in FOUND if line.startswith("tapeout ")]
MADE = [line for line in FOUND if line.startswith("make ")]
RECIPES = sorted({name for page in PAGES for name in re.findall(
    r"recipes/[\w.-]+\.yaml", page.read_text(encoding="utf-8"))})  # fmt: skip


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Parse:
    """Which command a line calls, and with what; nothing is run."""
    called: list[tuple[str, dict[str, Any]]] = []

    def quiet(known: Any) -> Any:
        known = copy.copy(known)
        known._subcommands = {name: _stub(name, s) for name, s in known._subcommands.items()}
        return known

    def _stub(name: str, spec: Any) -> Any:
        spec = copy.copy(spec)
        if hasattr(spec.target, "_subcommands"):
            spec.target = quiet(spec.target)
            return spec

        @functools.wraps(spec.target)
        def record(*args: Any, **kwargs: Any) -> None:
            called.append((name, kwargs))

        spec.target = record
        return spec

    def parse(line: str) -> tuple[str, dict[str, Any]]:
        quiet(app).cli(prog="tapeout", args=shlex.split(line)[1:])
        return called.pop()

    return parse


@pytest.mark.parametrize("line", OURS)
def test_a_command_parses(line: str, parsed: Parse):
    name, _ = parsed(line)
    assert name in line.split()


def test_a_wrong_option_does_not(parsed: Parse):
    for line in ("tapeout find smollm2 ioi --sise 4", "tapeout fnd smollm2 ioi"):
        with pytest.raises(SystemExit):
            parsed(line)


@pytest.mark.parametrize("line", MADE)
def test_a_target_exists(line: str):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert line.split()[1] in targets


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_there_and_can_be_read(name: str):
    path = ROOT / name
    source = yaml.safe_load(path.read_text(encoding="utf-8"))
    (read_comparison if "methods" in source else read_recipe)(path)


def test_recipes_on_pages_can_be_read(tmp_path: Path):
    found = [block for page in PAGES for block in blocks(page) if block.title.endswith(".yaml")]
    sources = [yaml.safe_load(block.text) for block in found]
    recipes = [source for source in sources if "stages" in source]
    assert recipes
    for source in recipes:
        parse_recipe(source)


def test_files_that_pages_name_are_there():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"\b(?:benchmarks|docs|tests)/[\w./-]+\.(?:py|json|md|png)\b", text):
            stands_for_any = "NAME" in name
            assert stands_for_any or (ROOT / name).is_file(), f"{name_of(page)} names {name}"
