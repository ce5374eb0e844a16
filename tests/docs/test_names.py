"""The page that lists every public name lists every public name."""

import importlib.util
import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType

import tapeout

from .pages import ROOT


@cache
def hook(name: str) -> ModuleType:
    """A file of docs/hooks/, which MkDocs loads by its path."""
    path = ROOT / "docs" / "hooks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"docs_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rooms() -> list[ModuleType]:
    """Every package that says what it offers, as Python sees it."""
    found = [tapeout]
    for place in pkgutil.walk_packages(tapeout.__path__, "tapeout."):
        if place.ispkg and "._" not in place.name:
            found.append(import_module(place.name))
    return [room for room in found if hasattr(room, "__all__")]


def test_every_name_that_a_room_offers_is_on_the_page():
    listed = hook("names").public()
    for room in rooms():
        assert sorted(listed[room.__name__]) == sorted(room.__all__), room.__name__
    page = hook("names").names_page()
    missing = [n for room in rooms() for n in room.__all__ if f"`{n}`" not in page]
    assert not missing


def test_every_name_is_on_the_page_of_its_room():
    names = hook("names")
    pages = {room: page for page, some in names.pages_of_rooms().items() for room in some}
    for room in rooms():
        if room is not tapeout:
            text = names.room_page(names.pages_of_rooms()[pages[room.__name__]])
            assert f"::: {room.__name__}\n" in text
            assert all(f"- {name}\n" in text + "\n" for name in room.__all__)


def test_errors_and_gates_are_rooms_of_their_own():
    listed = hook("names").public()
    assert "TaskError" in listed["tapeout.errors"] and "HardConcrete" in listed["tapeout.gates"]
    assert not any("._" in room for room in listed)


def test_names_come_with_the_first_sentence_of_what_they_are():
    names = hook("names")
    said = names.public()["tapeout.find"]["attribution"]
    assert said and said in " ".join((tapeout.find.attribution.__doc__ or "").split())


def test_every_name_says_what_it_is():
    listed = hook("names").public()
    silent = [f"{room}.{name}" for room, names in listed.items() for name, said in names.items()
              if not said]  # fmt: skip
    assert not silent
