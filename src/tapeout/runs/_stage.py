"""What a stage is: a config, the stages that it reads, an artifact in a folder."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

Progress = Callable[..., None]
"""Called with what is done and all there is, and by name with numbers that are worth watching."""
T = TypeVar("T")


def ref(*kinds: str, optional: bool = False, named: bool = False) -> Any:
    """A config field that names an earlier stage of one of these kinds.

    Args:
        kinds: which kinds it may name.
        optional: left empty it is the last such stage; there may be none.
        named: left empty it is none, even if there is such a stage.
    """
    need = Need(kinds, optional=optional or named, named=named)
    return dataclasses.field(default="", metadata={"input": need})


def refs(*kinds: str, every: bool = False) -> Any:
    """A config field that names any number of earlier stages of these kinds, as a list.

    To the running stage they are the inputs `FIELD.0`, `FIELD.1` and so on; see `Work.several`.

    Args:
        kinds: which kinds it may name.
        every: left empty it is every such stage, of which there must be one; else it is none.
    """
    need = Need(kinds, optional=not every, named=not every, several=True)
    return dataclasses.field(default=(), metadata={"input": need})


@dataclass(frozen=True)
class Need:
    """What an input field takes; see `ref` and `refs`."""

    kinds: tuple[str, ...]
    optional: bool
    named: bool
    several: bool = False


@dataclass(frozen=True)
class Work:
    """What a running stage gets.

    Attributes:
        folder: where it writes its artifact; what a killed attempt left there is still there.
        inputs: field name -> the object of the stage that it names, opened when it is asked for;
            None if it names none; those of a list are under `FIELD.0` and so on.
        folders: field name -> the folder of that stage's artifact.
        metrics: field name -> what that stage reported.
        progress: see `Progress`.
    """

    folder: Path
    inputs: Mapping[str, Any]
    folders: Mapping[str, Path]
    metrics: Mapping[str, dict[str, Any]]
    progress: Progress

    def several(self, field: str) -> list[Any]:
        """The objects of the stages that a list of inputs names, in its order."""
        count = sum(place.rpartition(".")[0] == field for place in self.inputs)
        return [self.inputs[f"{field}.{place}"] for place in range(count)]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Base of all stage configs; a subclass is one kind.

    Attributes:
        kind: what recipes call it.
        room: the last room of the package that it uses; its code is part of the stage's key.
    """

    kind: ClassVar[str]
    room: ClassVar[str]

    @classmethod
    def input_fields(cls) -> dict[str, Need]:
        """Field name -> what it takes."""
        return {
            field.name: field.metadata["input"]
            for field in dataclasses.fields(cls)
            if "input" in field.metadata
        }

    def settings(self) -> dict[str, Any]:
        """The config without the names of inputs, which say nothing about the result."""
        inputs = self.input_fields()
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in inputs}

    def part(self, kind: type[T]) -> T:
        """A config of another kind out of the fields that this one shares with it."""
        fields = dataclasses.fields(kind)  # pyright: ignore[reportArgumentType]
        return kind(**{field.name: getattr(self, field.name) for field in fields})

    def outside(self) -> dict[str, Any]:
        """What the result depends on that lies outside the recipe, such as a file's contents."""
        return {}

    def run(self, work: Work) -> dict[str, Any]:
        """Do the work, write the artifact, return the metrics as plain JSON values."""
        raise NotImplementedError

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Any:
        """The artifact as an object that later stages use."""
        raise NotImplementedError


@dataclass(frozen=True)
class Planned:
    """A stage in a recipe.

    Attributes:
        name: its name in the recipe.
        stage: its config.
        inputs: field name -> the stage that it names; None if it names none; those of a list are
            under `FIELD.0` and so on.
        key: hash of the config, the inputs' keys and the code.
    """

    name: str
    stage: Stage
    inputs: dict[str, "Planned | None"]
    key: str
