"""A stage that puts learned directions beside others, on samples that none of them has seen."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from safetensors.torch import load_file, save_file
from torch import Tensor

from ...decompose import Decomposition, Gradients, StoredGradients
from ...decompose.evidence import (
    Candidate,
    Factored,
    Moving,
    Principal,
    TokenChange,
    changed_tokens,
    held_out,
    mean_impacts,
    prepared,
    random_directions,
    singular_directions,
    specificities,
)
from ...errors import RecipeError
from ...models import Model
from .._stage import Stage, Work, ref, refs
from ._artifacts import MODELS, TASKS, once
from ._decompose import in_memory, windows_of

BEFORE, AFTER = 30, 10
"""Tokens of a context."""


@dataclass(frozen=True, kw_only=True)
class DirectionStage(Stage):
    """Errors, specificity and examples of learned directions, and of others of the same count.

    The others are at random, the weights' singular directions that hold most of the train split's
    gradients, both of the same rank, and the principal directions of those gradients, which are
    of full rank.

    Attributes:
        decompositions: all of one count, rank, active share and normalisation.
        moved: how many directions of every set the weights are moved along.
        moved_on: samples in which one is active, at most, and as many others.
        effect: how far: until the model's predictions change by that, mean KL in nats.
        shown: how many of the first decomposition's directions come with examples.
        contexts, tokens: of each.
        seed: of random directions and draws.
        memory_mb: gradients up to this size are held in memory, in MiB.
    """

    kind: ClassVar[str] = "directions"
    room: ClassVar[str] = "decompose"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    gradients: str = ref("gradients")
    decompositions: tuple[str, ...] = refs("decompose", every=True)
    moved: int = 12
    moved_on: int = 32
    effect: float = 0.01
    shown: int = 20
    contexts: int = 6
    tokens: int = 6
    seed: int = 0
    memory_mb: int = 4096

    def run(self, work: Work) -> dict[str, Any]:
        compared = _Compared(self, work)
        sets = compared.errors()
        rows = {
            label: once(work.folder / f"{label}.json", lambda name=label: compared.specific(name))
            for label in sets
        }
        examples = once(work.folder / "examples.json", lambda: {"rows": compared.examples()})
        about = work.metrics["decompositions.0"]
        return {
            "split": compared.split,
            "n": len(compared.test[0]),
            "train_n": about["n"],
            "validation_n": about["validation_n"],
            "parameters": work.metrics["gradients"]["parameters"],
            "window": work.metrics["gradients"]["window"],
            "references": len(compared.test),
            "moved_on": self.moved_on,
            "effect": self.effect,
            **{key: about[key] for key in ("count", "active", "ranks", "per_sample")},
            "sets": [{"name": label} | row | rows[label] for label, row in sets.items()],
            "examples": examples["rows"],
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None


class _Compared:
    """The sets of directions of one stage; what is dear is kept in its folder."""

    def __init__(self, stage: DirectionStage, work: Work) -> None:
        self.stage, self.work = stage, work
        found: list[Decomposition] = work.several("decompositions")
        first = self.config = found[0].config
        for other in found[1:]:
            for name in ("count", "active", "ranks", "per_sample"):
                if getattr(other.config, name) != getattr(first, name):
                    raise RecipeError(
                        f"directions are compared at one {name}: {getattr(first, name)!r} and "
                        f"{getattr(other.config, name)!r} need a `directions` stage each"
                    )
        self.learned = found
        rows, self.split = windows_of(work.inputs["task"], "test")
        self.rows = rows
        taken: dict[str, StoredGradients] = work.inputs["gradients"]
        self.train = self._ready("train", taken["train"])
        self.test = [self._ready(n, g) for n, g in taken.items() if n.startswith("test")]
        model: Model = work.inputs["model"]
        samples = str(taken["test"].about["samples"])
        self.moving = Moving(model, rows.to(model.device), samples, list(self.train.shapes))
        self.candidates = self._candidates()
        self.impacts: dict[str, Tensor] = {}

    def _ready(self, name: str, found: StoredGradients) -> Gradients:
        held = in_memory(found, self.work.folders["gradients"] / name, self.stage.memory_mb)
        return prepared(held, per_sample=self.config.per_sample)

    def _candidates(self) -> dict[str, Candidate]:
        count, ranks, seed = self.config.count, self.config.ranks, self.stage.seed
        found: dict[str, Candidate] = {
            f"l3d-{one.config.seed}": Factored.of(one) for one in self.learned
        }
        if len(found) < len(self.learned):
            raise RecipeError("decompositions of one `directions` stage need seeds of their own")
        weights = {name: value.cpu() for name, value in self.moving.weights.items()}
        found["random"] = random_directions(self.train, count, ranks, seed)
        found["svd"] = singular_directions(weights, self.train, count, ranks)
        found["pca"] = self._principal()
        return found

    def _principal(self) -> Principal:
        path = self.work.folder / "pca.safetensors"
        if path.is_file():
            return Principal(train=self.train, weights=load_file(path)["weights"])
        found = Principal.of(self.train, self.config.count, self.work.progress)
        save_file({"weights": found.weights.contiguous()}, path)
        return found

    def errors(self) -> dict[str, dict[str, Any]]:
        """What every set leaves of the first test gradients."""
        found = {
            label: held_out(one, self.test[0], self.config.active)
            for label, one in self.candidates.items()
        }
        each = self.moving.each
        self.used = {label: one.used for label, one in found.items()}
        return {
            label: {
                "numbers": self.candidates[label].numbers,
                "error": one.error(each=each).to_dict(),
                "fitted": one.fitted_error(each=each).to_dict(),
                "below_pca": one.below(found["pca"], each=each).to_dict(),
                "fitted_below_pca": one.below(found["pca"], each=each, fitted=True).to_dict(),
                "unused": int((one.used == 0).sum()),
            }
            for label, one in found.items()
        }

    def specific(self, label: str) -> dict[str, Any]:
        """How much more the model says another thing where a direction is active."""
        stage = self.stage
        found = specificities(
            self.candidates[label],
            self.moving,
            self._impacts(label),
            active=self.config.active,
            effect=stage.effect,
            directions=stage.moved,
            samples=stage.moved_on,
            seed=stage.seed,
            progress=self.work.progress,
        )
        facts: dict[str, Any] = {"left_out": found.left_out}
        if found.rows:
            facts |= {"ratio": found.ratio.to_dict(), "moved": found.moved}
        return {"specificity": facts | {"rows": [asdict(row) for row in found.rows]}}

    def _impacts(self, label: str) -> Tensor:
        if label not in self.impacts:
            self.impacts[label] = mean_impacts(self.candidates[label], self.test)
        return self.impacts[label]

    def examples(self) -> list[dict[str, Any]]:
        """Contexts and tokens of the directions that the first decomposition uses most."""
        label = next(iter(self.candidates))
        impacts = self._impacts(label)
        order = self.used[label].argsort(descending=True, stable=True)[: self.stage.shown]
        rows = []
        for done, index in enumerate(order.tolist(), 1):
            top = impacts[:, index].topk(min(self.stage.contexts, len(impacts)))
            direction = self.candidates[label].dense(index)
            up, down = changed_tokens(self.moving, direction, top.indices, self.stage.tokens)
            rows.append(
                {
                    "direction": index,
                    "used": float(self.used[label][index]),
                    "contexts": [
                        self._context(sample) | {"impact": impact}
                        for sample, impact in zip(
                            top.indices.tolist(), top.values.tolist(), strict=True
                        )
                    ],
                    "up": [self._token(change) for change in up],
                    "down": [self._token(change) for change in down],
                }
            )
            self.work.progress(done, len(order))
        return rows

    def _context(self, sample: int) -> dict[str, str]:
        """The text of a sample's window, around the position whose prediction it is."""
        row, place = divmod(sample, self.moving.each)
        ids = self.rows[row].tolist()
        if self.moving.network.samples != "token":
            place = len(ids) - 1
        parts = {
            "before": ids[max(0, place - BEFORE) : place],
            "token": ids[place : place + 1],
            "after": ids[place + 1 : place + 1 + AFTER],
        }
        return {name: self._decoded(some) for name, some in parts.items()}

    def _token(self, change: TokenChange) -> dict[str, Any]:
        return {"token": self._decoded([change.token]), "slope": change.slope}

    def _decoded(self, ids: list[int]) -> str:
        return self.work.inputs["model"].tokenizer.decode(ids)
