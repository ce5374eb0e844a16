"""A stage that trains a toy whose circuits are known, and takes it apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from ...decompose import DIVERGENCES, L3D, Decomposition, decompose, gradients
from ...decompose.toys import TOYS, ToyConfig, measures, train_toy
from ...errors import RecipeError, nearest
from .._stage import Stage, Work

SEEDS_APART = 1000


@dataclass(frozen=True, kw_only=True)
class ToyStage(Stage, L3D):
    """Directions of a toy's gradients, and how near they come to its circuits (paper 4, 3.1-3.4).

    Attributes:
        name: `tms`, `tms-parallel`, `tmcs`, `high-rank` or `x2`, see `decompose.toys.toy`.
        options: of the toy, in place of its own.
        divergence: `mse` or `public-code`.
        pairs: samples to learn from, each against another, and as many that are held out.
        at_once: coefficients that count in a sample, on average, in place of `active`; 0 for that.
        seed: of the toy too.
    """

    kind: ClassVar[str] = "toy"
    room: ClassVar[str] = "decompose"
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    divergence: str = "mse"
    pairs: int = 4000
    at_once: float = 0.0
    ranks: int | dict[str, int] = 1
    steps: int = 1000

    def __post_init__(self) -> None:
        self._toy()  # so that a recipe with a wrong setting is refused before anything runs
        self._config()
        if self.divergence not in DIVERGENCES:
            known = nearest(self.divergence, DIVERGENCES)
            raise RecipeError(f"no divergence {self.divergence!r}: {known}")

    def run(self, work: Work) -> dict[str, Any]:
        known = train_toy(self._toy())
        train, held = (
            gradients(
                known.model,
                known.inputs(self.pairs, seed=SEEDS_APART * part + self.seed),
                self.seed,
                divergence=self.divergence,
                path="general",
                rows_at_once=self.pairs,
            )
            for part in (1, 2)
        )
        config, checkpoint = self._config(), work.folder / "training.safetensors"
        found = decompose(train, config, checkpoint=checkpoint, progress=work.progress)
        found.save(work.folder)
        checkpoint.unlink(missing_ok=True)
        return {
            "toy": self.name,
            "divergence": self.divergence,
            "count": config.count,
            "active": config.active,
            "seed": config.seed,
            "n": self.pairs,
            "error": found.error(held),
            "train_error": found.train_error,
            "dead": len(found.dead),
            "toy_loss": known.loss,
            "measures": measures(known, found, train),
        }

    def _toy(self) -> ToyConfig:
        """The toy.

        Raises:
            RecipeError: there is no such toy or option.
            DecomposeError: a value that makes no sense.
        """
        if self.name not in TOYS:
            raise RecipeError(f"no toy is called {self.name!r}: {nearest(self.name, TOYS)}")
        known = {field.name for field in fields(ToyConfig)} - {"name", "seed"}
        for option in self.options:
            if option not in known:
                raise RecipeError(f"a toy has no option {option!r}: {nearest(option, known)}")
        return replace(TOYS[self.name](), seed=self.seed, **self.options)

    def _config(self) -> L3D:
        """How it is decomposed.

        Raises:
            DecomposeError: a value that makes no sense.
        """
        config = self.part(L3D)
        return replace(config, active=self.at_once / config.count) if self.at_once else config

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Decomposition:
        return Decomposition.load(folder)
