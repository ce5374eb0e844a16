"""What the page needs beside its sections: the script, its style, its data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._results import Results
from ._amplify import amplified
from ._circuits import Circuits
from ._conditioning import conditioning
from ._curves import curves
from ._decompose import decomposed
from ._pack import Pack
from ._proofs import proofs

BUNDLE = Path(__file__).with_name("bundle")
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class App:
    """Text that goes into the page as it is; none of it holds a name from the results."""

    script: str
    style: str
    data: str


def app_of(results: Results, run: Path, renew: float | None = None) -> App | None:
    """The interactive views of a run; None if it has nothing that they would show.

    With `renew` the page loads itself anew every so many seconds.

    Raises:
        RunError: the results are damaged.
    """
    pack = Pack()
    tree = tree_of(results, run, pack)
    own = (tree[part] for part in ("circuits", "curves", "conditioning", "amplify", "decompose"))
    if not (renew or any(own) or len(tree["proofs"]) > 1):
        return None
    script, style = (
        BUNDLE.joinpath(name).read_text("utf-8") for name in ("viewer.js", "viewer.css")
    )
    return App(script, style, pack.encode(tree | {"renew": renew}))


def tree_of(results: Results, run: Path, pack: Pack) -> dict[str, Any]:
    """Everything that the views show; names in it are clean text."""
    circuits = Circuits(results, run, pack)
    return {
        "schema_version": SCHEMA_VERSION,
        "recipe": results.recipe,
        "circuits": circuits.trees,
        "universes": circuits.universes,
        "proofs": proofs(results),
        "curves": curves(results, run, pack, circuits.notes),
        "conditioning": conditioning(results),
        "amplify": amplified(results, run, circuits.notes),
        "decompose": decomposed(results, run, pack, circuits.notes),
        "left_out": circuits.notes,
    }
