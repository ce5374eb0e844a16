"""Stages that choose a circuit, or bring one in."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from ...circuits import Circuit, EdgeCircuit, EdgeScores, Scores, Summary, summarise
from ...errors import RecipeError, TaskError
from ...interventions import Mean
from ...verify import Frontier, LossObjective, LossSize
from .._stage import Stage, Work, ref
from ._artifacts import CIRCUITS, MODELS, SCORED, TASKS, open_circuit
from ._at_loss import at_loss


@dataclass(frozen=True, kw_only=True)
class Given(Stage):
    """A circuit that lies on disk.

    Attributes:
        path: the circuit's folder.
    """

    kind: ClassVar[str] = "circuit"
    room: ClassVar[str] = "circuits"
    path: str

    def outside(self) -> dict[str, Any]:
        files = sorted(Path(self.path).glob("circuit*"))
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def run(self, work: Work) -> dict[str, Any]:
        circuit = open_circuit(Path(self.path))
        circuit.save(work.folder)
        return sizes_of(circuit)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Circuit | EdgeCircuit:
        return open_circuit(folder)


def sizes_of(circuit: Circuit | EdgeCircuit) -> dict[str, Any]:
    """A circuit's sizes as a stage reports them."""
    parts = {part: {"kept": k, "total": t} for part, (k, t) in circuit.by_part().items()}
    sizes: dict[str, Any] = {"size": circuit.size, "share": circuit.share, "by_part": parts}
    found = summarise(circuit)
    sizes |= {"counts": _counts(found), "summary": found.to_dict()}
    if isinstance(circuit, Circuit):
        sizes["by_layer"] = [vars(row) for row in circuit.by_layer()]
    return sizes


def _counts(found: Summary) -> dict[str, dict[str, int] | None]:
    """Heads, MLPs and edges, alike for circuits of nodes and of edges."""
    blocks = found.granularities
    counts = {
        "heads": blocks["attn.z:head"],
        "mlps": blocks["mlp.resid_delta:block"],
        "edges": found.edges,
    }
    return {part: asdict(count) if count else None for part, count in counts.items()}


@dataclass(frozen=True, kw_only=True)
class Select(Stage):
    """The smallest circuit on a frontier that keeps the target, or at a loss.

    Attributes:
        target: accuracy to keep, ...
        relative: ... as a part of the full model's, not of 1.
        confident: ... by the lower end of its 95% interval, so that new examples keep it too.
        share: instead of a target, this part of the universe.
        like: instead, as many nodes as that circuit has.
        positive: instead of both, the nodes whose score is above 0: those a learned mask keeps.
        loss: instead, the smallest one at or below this many nats on the validation split, ...
        rival: or at or below the loss of this circuit, ...
        objective: ... of `candidates`, `task` or `kl`, see `verify.smallest_at_loss`.
        calibrate: take losses after a scale and a shift that are fitted to the train split.
        precision: of a size that a loss decides, as a part of the universe.
        replacement: under which the circuit is meant, where no frontier says it.
    """

    kind: ClassVar[str] = "select"
    room: ClassVar[str] = "verify"
    scores: str = ref(*SCORED)
    frontier: str = ref("frontier", optional=True)
    means: str = ref("means", optional=True)
    model: str = ref(*MODELS, optional=True)
    task: str = ref(*TASKS, optional=True)
    target: float = 0.9
    relative: bool = True
    confident: bool = False
    share: float | None = None
    like: str = ref(*CIRCUITS, named=True)
    positive: bool = False
    loss: float | None = None
    rival: str = ref(*CIRCUITS, named=True)
    objective: LossObjective = "candidates"
    calibrate: bool = False
    precision: float = 0.0
    replacement: Literal["", "mean", "zero", "counterfactual", "resample"] = ""

    def run(self, work: Work) -> dict[str, Any]:
        scores: Scores | EdgeScores = work.inputs["scores"]
        sizes: Frontier | None = work.inputs["frontier"]
        means: Mean | None = work.inputs["means"]
        if sizes is not None and not self.replacement:
            names = ("replacement", "reference", "positions")
            kind, reference, positions = (getattr(sizes, name) for name in names)
        elif self.replacement:
            mean = means if self.replacement == "mean" else None
            kind, reference = self.replacement, mean.reference if mean else ""
            positions = "all_but_first"
        else:
            raise RecipeError("no frontier says under which replacement: set `replacement`")
        reached = self._at_loss(work, scores, kind)
        measured = {"loss": reached.to_dict()} if reached else {}
        if reached:
            circuit, how = reached.circuit, measured
        else:
            circuit, how = self._chosen(scores, sizes, work.inputs["like"])
        if isinstance(circuit, Circuit) and means and kind == "mean":
            circuit = replace(circuit, means=means.values)
        circuit = circuit.with_origin(
            replacement={"kind": kind, "reference": reference, "positions": positions},
            selected=how,
        )
        circuit.save(work.folder)
        return sizes_of(circuit) | measured

    def _at_loss(self, work: Work, scores: Scores | EdgeScores, kind: str) -> LossSize | None:
        if self.loss is None and not self.rival:
            return None
        if self.positive or self.like or self.share is not None:
            raise RecipeError("a circuit is selected by a loss or by another setting, not both")
        how = (self.loss, self.objective, self.precision)
        return at_loss(work, scores, kind, *how, calibrate=self.calibrate)

    def _chosen(
        self,
        scores: Scores | EdgeScores,
        sizes: Frontier | None,
        like: Circuit | EdgeCircuit | None,
    ) -> tuple[Circuit | EdgeCircuit, dict[str, Any]]:
        """The circuit, and what decided it, for its file."""
        if self.positive:
            return scores.positive(), {"positive": True}
        if like is not None:
            if like.size > scores.universe.size:
                raise RecipeError(
                    f"{self.like} keeps {like.size:,}, and these scores are of "
                    f"{scores.universe.size:,} alone: take a smaller circuit, or score more"
                )
            return scores.top(like.size), {"like": like.size}
        if self.share is not None:
            return scores.top(share=self.share), {"share": self.share}
        if sizes is None:
            raise RecipeError("select needs a frontier, a share, a loss, or `positive: true`")
        point = sizes.smallest(self.target, relative=self.relative, confident=self.confident)
        if point is None:
            best = max(p.accuracy.value for p in sizes.points)
            raise TaskError(
                f"no size on the frontier keeps {self.target:.0%}; the best is {best:.1%} "
                f"({sizes.replacement} replacement, {sizes.split}). Lower the target, or add "
                "larger shares"
            )
        names = ("target", "relative", "confident")
        how = {name: getattr(self, name) for name in names} | {"split": sizes.split}
        return scores.top(point.size), how

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Circuit | EdgeCircuit:
        return open_circuit(folder)
