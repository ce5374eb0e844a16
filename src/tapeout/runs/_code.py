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
)
"""Each room uses only rooms before it, so a stage depends on no room after its own."""


@cache
def code_version(room: str) -> str:
    """A hash of the sources of a room and of all rooms before it."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for name in ROOMS[: ROOMS.index(room) + 1]:
        for path in sorted((package / name).rglob("*.py")):
            digest.update(str(path.relative_to(package)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
