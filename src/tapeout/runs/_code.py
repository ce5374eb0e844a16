"""The version of the code that a stage's result depends on."""

import hashlib
from functools import cache
from pathlib import Path

ROOMS = (
    "models",
    "tasks",
    "bases",
    "sparse",
    "circuits",
    "interventions",
    "find",
    "extraction",
    "verify",
    "reshape",
    "generation",
    "reasoning",
    "amplify",
    "decompose",
)
"""Each room uses only rooms before it, so a stage depends on no room after its own."""

SUFFIXES = (".py", ".yaml")
"""Of files that results depend on: templates of problems are data."""

BESIDE = ("gates.py",)
"""Files beside the rooms that any of them may compute with."""


@cache
def code_version(room: str) -> str:
    """A hash of the sources of a room, of all rooms before it, and of what lies beside them."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    files = [package / name for name in BESIDE]
    for name in ROOMS[: ROOMS.index(room) + 1]:
        files += sorted(path for path in (package / name).rglob("*") if path.suffix in SUFFIXES)
    for path in files:
        digest.update(str(path.relative_to(package)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
