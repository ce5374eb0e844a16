"""Tapeout: find the circuit behind a capability of a language model, prove it, cut it out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import bases as bases
    from . import find as find
    from . import interventions as interventions
    from . import reshape as reshape
    from . import tasks as tasks
    from . import verify as verify
    from .circuits import Circuit as Circuit
    from .circuits import Scores as Scores
    from .circuits import Universe as Universe
    from .errors import TapeoutError as TapeoutError
    from .extraction import extract as extract
    from .models import Model as Model
    from .models import load as load

__version__ = "0.1.0"

_WHERE = {
    "Circuit": "circuits",
    "Model": "models",
    "Scores": "circuits",
    "TapeoutError": "errors",
    "Universe": "circuits",
    "extract": "extraction",
    "load": "models",
}
_ROOMS = ("bases", "find", "interventions", "reshape", "tasks", "verify")

__all__ = [*_WHERE, *_ROOMS]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _WHERE:  # rooms are imported on first use, so that `import tapeout` stays cheap
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
