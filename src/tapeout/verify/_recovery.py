"""Recovery: does the circuit alone carry the task, is it needed, and next to what controls?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from ..circuits import Circuit, EdgeCircuit
from ..interventions import Mean, Partners, Replacement, circuit_replacement
from ..models import Model
from ..notebook import shown
from ..tasks import Metric, Split
from ._controls import random_like
from ._evaluate import Outcome, evaluate, prefix_only
from ._faithfulness import faithfulness_of
from ._intervals import Average, Share
from ._strata import ByStratum, by_stratum, first_wrong

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Evidence for one circuit on one split; every accuracy is over the same examples.

    Attributes:
        circuit: what was run.
        split, n: on which examples.
        replacement: what nodes outside were given; `reference` names the set of the means and
            `positions` where it applied.
        criterion: when an example counts as right, see `tasks.Criterion`.
        full: the whole model.
        teacher_forced, autoregressive: the circuit alone.
        ar_by: `induction` if one forward gave both (see `prefix_only`), else `generation`.
        kl: KL from the full model at the answer, in nats.
        metrics: metric -> (full model, circuit, empty circuit).
        empty: the empty circuit, that is what the replacement alone leaks.
        chance: what a coin gets right, see `tasks.Split`.
        random: random circuits with as many nodes per layer, one per seed.
        necessity: what is left when the circuit alone is replaced.
        necessity_random: the same for the random circuits.
        strata: all four runs (`full`, `circuit`, `empty`, `necessity`) by stratum of the examples
            and by place in the answer; `circuit` as in `autoregressive`, places teacher-forced.
    """

    circuit: Circuit | EdgeCircuit
    split: str
    n: int
    replacement: str
    reference: str
    positions: str
    criterion: str
    full: Share
    teacher_forced: Share
    autoregressive: Share
    ar_by: Literal["induction", "generation"]
    kl: Average
    metrics: dict[str, tuple[Average, Average, Average]]
    empty: Share
    chance: float
    random: list[Share]
    necessity: Share
    necessity_random: list[Share]
    strata: ByStratum = field(default_factory=ByStratum)

    @property
    def relative(self) -> float:
        """Autoregressive recovery over the full model's accuracy."""
        return self.autoregressive.value / self.full.value if self.full.right else 0.0

    @property
    def leaks(self) -> bool:
        """The empty circuit is right more often than chance, by more than its interval."""
        return self.empty.low > self.chance + 0.01

    def _repr_html_(self) -> str:
        rows = [
            ("full model", self.full),
            ("circuit, teacher-forced", self.teacher_forced),
            (f"circuit, autoregressive (by {self.ar_by})", self.autoregressive),
            *(("random circuit of the same size", share) for share in self.random),
            ("empty circuit", self.empty),
            ("without the circuit", self.necessity),
            *(("without a random circuit", share) for share in self.necessity_random),
        ]
        said = f"{self.split}, n = {self.n:,}, {self.replacement} replacement, {self.criterion}; "
        said += f"KL from the full model {self.kl.value:.3g} nats"
        return shown(said, ("accuracy", "right of n, 95% interval"), rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "size": self.circuit.size,
            "share": self.circuit.share,
            "by_part": {p: {"kept": k, "total": t} for p, (k, t) in self.circuit.by_part().items()},
            "split": self.split,
            "n": self.n,
            "replacement": self.replacement,
            "reference": self.reference,
            "positions": self.positions,
            "criterion": self.criterion,
            "full": self.full.to_dict(),
            "teacher_forced": self.teacher_forced.to_dict(),
            "autoregressive": self.autoregressive.to_dict(),
            "ar_by": self.ar_by,
            "relative": self.relative,
            "kl": self.kl.to_dict(),
            "metrics": {
                name: {
                    "full": full.to_dict(),
                    "circuit": own.to_dict(),
                    "empty": empty.to_dict(),
                    "faithfulness": faithfulness_of(full.value, own.value, empty.value),
                }
                for name, (full, own, empty) in self.metrics.items()
            },
            "empty": self.empty.to_dict(),
            "chance": self.chance,
            "empty_leaks": self.leaks,
            "random": [share.to_dict() for share in self.random],
            "necessity": self.necessity.to_dict(),
            "necessity_random": [share.to_dict() for share in self.necessity_random],
            "strata": self.strata.to_dict(),
        }


def recovery(
    model: Model,
    circuit: Circuit | EdgeCircuit,
    split: Split,
    replacement: str | Replacement = "mean",
    *,
    metrics: Sequence[Metric] = (),
    random_seeds: int = 3,
    ar: Literal["auto", "generate"] = "auto",
    batch_size: int = 64,
    transfer: bool = False,
    progress: Progress | None = None,
) -> Recovery:
    """Run the circuit alone, its controls, and the model without it.

    Args:
        model: the model.
        circuit: what to prove.
        split: the examples, as a rule `task.test`.
        replacement: `zero`, `mean` (the means that the circuit carries), `counterfactual`,
            `resample`, or a replacement of your own.
        metrics: measured beside accuracy.
        random_seeds: how many random circuits to compare with.
        ar: `auto` takes autoregressive accuracy by induction where that is exact, `generate`
            always decodes.
        batch_size: examples per forward.
        transfer: allow a circuit that was found in other weights of the same shape.
        progress: called with the runs done and all of them.

    Raises:
        CircuitError: the circuit does not fit the model.
        InterventionError: mean replacement without means, or an unknown replacement.
        TaskError: the split does not have what the replacement or a metric needs.
    """
    fill = circuit_replacement(circuit, replacement)
    partners = None
    if isinstance(circuit, Circuit):
        partners = Partners.of(model, circuit.universe, fill)
    total, done = 4 + 2 * random_seeds, 0

    def run(kept: Circuit | EdgeCircuit | None, **options: Any) -> Outcome:
        nonlocal done
        options |= {"batch_size": batch_size, "transfer": transfer, "partners": partners}
        outcome = evaluate(model, split, kept, fill, **options)
        done += 1
        if progress is not None:
            progress(done, total)
        return outcome

    place = first_wrong(split.criterion)
    full = run(None, metrics=[*metrics, place])
    alone = run(circuit, metrics=[*metrics, place], kl=True)
    by_induction = ar == "auto" and prefix_only(fill)
    written = (
        alone
        if by_induction
        else evaluate(
            model, split, circuit, fill, batch_size=batch_size, transfer=transfer, generate=True
        )
    )
    nothing = replace(circuit, kept=torch.zeros_like(circuit.kept))
    empty = run(nothing, metrics=[*metrics, place])
    without = run(~circuit, metrics=[place])
    told = {"full": full, "circuit": written, "empty": empty, "necessity": without}
    forced = told | {"circuit": alone}
    controls = [random_like(circuit, seed) for seed in range(random_seeds)]
    return Recovery(
        circuit=circuit,
        split=split.name,
        n=len(split),
        replacement=fill.name,
        reference=fill.reference if isinstance(fill, Mean) else "",
        positions=fill.positions if isinstance(fill.positions, str) else "chosen",
        criterion=split.criterion.name,
        full=full.accuracy,
        teacher_forced=alone.accuracy,
        autoregressive=written.accuracy,
        ar_by="induction" if by_induction else "generation",
        kl=alone.average("kl"),
        metrics={
            m.name: (full.average(m.name), alone.average(m.name), empty.average(m.name))
            for m in metrics
        },
        empty=empty.accuracy,
        chance=split.chance,
        random=[run(control).accuracy for control in controls],
        necessity=without.accuracy,
        necessity_random=[run(~control).accuracy for control in controls],
        strata=by_stratum(
            split,
            {name: outcome.correct for name, outcome in told.items()},
            {name: outcome.metrics[place.name] for name, outcome in forced.items()},
        ),
    )
