"""Does a circuit that was found in one model work in another of the same shape?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from ..circuits import Circuit
from ..errors import CircuitError, InterventionError
from ..interventions import Mean, Partners, Replacement, means_over, replacement_of
from ..models import Model
from ..tasks import Split
from ._evaluate import evaluate, prefix_only
from ._intervals import Share

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class TransferCell:
    """One circuit in one model.

    Attributes:
        circuit, model: their names in the matrix: found on, and run on.
        own: the model is the one that the circuit was found in, by its weights.
        size, share: the circuit's.
        reference: the set of the means, which were taken in the model that is run.
        full: the whole model.
        teacher_forced, autoregressive: the circuit alone.
        ar_by: `induction` if one forward gave both, else `generation`.
        empty: the empty circuit, that is what the replacement alone leaks.
    """

    circuit: str
    model: str
    own: bool
    size: int
    share: float
    reference: str
    full: Share
    teacher_forced: Share
    autoregressive: Share
    ar_by: Literal["induction", "generation"]
    empty: Share

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {k: v.to_dict() if isinstance(v, Share) else v for k, v in fields.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "TransferCell":
        """What `to_dict` wrote."""
        fields = dict(data)
        for name, value in data.items():
            if isinstance(value, Mapping):
                fields[name] = Share(value["right"], value["n"])
        return cls(**fields)


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Two circuits of one universe.

    Attributes:
        shared: nodes of both.
        jaccard: `shared` over the nodes of either; 1 for two empty circuits.
        of_one, of_two: `shared` over each one's nodes; None for an empty circuit.
        by_chance: what `shared` would be on average for random circuits of these sizes.
    """

    one: str
    two: str
    shared: int
    jaccard: float
    of_one: float | None
    of_two: float | None
    by_chance: float


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Every circuit in every model; rows are circuits (found on), columns models (run on).

    Attributes:
        split, n: the examples.
        criterion: when an example counts as right, see `tasks.Criterion`.
        replacement: what nodes outside a circuit were given.
        cells: row by row.
        overlaps: of every two circuits.
    """

    split: str
    n: int
    criterion: str
    replacement: str
    cells: list[TransferCell]
    overlaps: list[Overlap]

    def cell(self, circuit: str, model: str) -> TransferCell:
        """One cell by names.

        Raises:
            CircuitError: there is none.
        """
        for cell in self.cells:
            if (cell.circuit, cell.model) == (circuit, model):
                return cell
        known = ", ".join(f"{cell.circuit} on {cell.model}" for cell in self.cells)
        raise CircuitError(f"no cell {circuit} on {model}; there are {known}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `matrix` has the autoregressive accuracies: found on -> run on."""
        matrix: dict[str, dict[str, float]] = {}
        for cell in self.cells:
            matrix.setdefault(cell.circuit, {})[cell.model] = cell.autoregressive.value
        names = ("split", "n", "criterion", "replacement")
        return {name: getattr(self, name) for name in names} | {
            "definition": "rows: the circuit's name, found on; columns: the model that is run",
            "matrix": matrix,
            "cells": [cell.to_dict() for cell in self.cells],
            "overlaps": [vars(overlap) for overlap in self.overlaps],
        }


def transfer_matrix(
    models: Mapping[str, Model],
    circuits: Mapping[str, Circuit],
    split: Split,
    replacement: str = "mean",
    *,
    reference: Split | None = None,
    batch_size: int = 64,
    known: Sequence[TransferCell] = (),
    found: Callable[[TransferCell], None] | None = None,
    progress: Progress | None = None,
) -> Transfer:
    """Run every circuit alone in every model, each with that model's own means.

    Args:
        models: name -> model; all of one shape. They are not changed.
        circuits: name -> circuit, as a rule one found in each model, under the model's name.
        split: the examples, as a rule `task.test`.
        replacement: `zero`, `mean`, `counterfactual` or `resample`; applied at the positions that
            a circuit's file names.
        reference: where means are taken, as a rule `task.reference`; only `mean` needs it.
        batch_size: examples per forward.
        known: cells of an earlier, interrupted call; they are not measured again.
        found: called with every new cell.
        progress: called with the cells done and all of them.

    Raises:
        CircuitError: a circuit does not fit a model, or the circuits are of different universes.
        InterventionError: an unknown replacement, or `mean` without a reference.
        TaskError: the split does not have what the replacement needs.

    Source: paper 1, appendix (exp. 6 controls).
    """
    overlaps = [overlap(a, circuits[a], b, circuits[b]) for a, b in combinations(circuits, 2)]
    for circuit in circuits.values():
        for model in models.values():
            circuit.check(model, transfer=True)
    measured = {(cell.circuit, cell.model): cell for cell in known}
    total = len(models) * len(circuits)
    for name, model in models.items():
        column = _Column(name, model, split, replacement, reference, batch_size)
        for label, circuit in circuits.items():
            if (label, name) not in measured:
                measured[label, name] = column.cell(label, circuit)
                if found is not None:
                    found(measured[label, name])
            if progress is not None:
                progress(len(measured), total)
    return Transfer(
        split=split.name,
        n=len(split),
        criterion=split.criterion.name,
        replacement=replacement,
        cells=[measured[label, name] for label in circuits for name in models],
        overlaps=overlaps,
    )


class _Column:
    """One model, with what all circuits that are run in it share."""

    def __init__(
        self,
        name: str,
        model: Model,
        split: Split,
        replacement: str,
        reference: Split | None,
        batch_size: int,
    ) -> None:
        self.name, self.model, self.split = name, model, split
        self.replacement, self.reference, self.batch_size = replacement, reference, batch_size
        self.full: Share | None = None
        self.fills: dict[str, tuple[Replacement, Partners | None, Share]] = {}

    def cell(self, label: str, circuit: Circuit) -> TransferCell:
        fill, partners, empty = self._fill(circuit)
        options = {"batch_size": self.batch_size, "transfer": True}
        alone = evaluate(self.model, self.split, circuit, fill, partners=partners, **options)
        by_induction = prefix_only(fill)
        written = (
            alone
            if by_induction
            else evaluate(self.model, self.split, circuit, fill, generate=True, **options)
        )
        if self.full is None:
            self.full = evaluate(self.model, self.split, batch_size=self.batch_size).accuracy
        own = circuit.fingerprint
        return TransferCell(
            circuit=label,
            model=self.name,
            own=own is not None and own.weights == self.model.fingerprint.weights,
            size=circuit.size,
            share=circuit.share,
            reference=fill.reference if isinstance(fill, Mean) else "",
            full=self.full,
            teacher_forced=alone.accuracy,
            autoregressive=written.accuracy,
            ar_by="induction" if by_induction else "generation",
            empty=empty,
        )

    def _fill(self, circuit: Circuit) -> tuple[Replacement, Partners | None, Share]:
        """The replacement in this model, its partner runs, and what it leaks; by positions."""
        own = circuit.origin.get("replacement", {}).get("positions") or "all_but_first"
        if own not in self.fills:
            values, name = {}, ""
            if self.replacement == "mean":
                means = self._means(circuit)
                values, name = means.values, means.reference
            fill = replacement_of(self.replacement, values, name, own)
            partners = Partners.of(self.model, circuit.universe, fill)
            options = {"batch_size": self.batch_size, "partners": partners}
            nothing = Circuit.empty(circuit.universe)
            empty = evaluate(self.model, self.split, nothing, fill, **options).accuracy
            self.fills[own] = fill, partners, empty
        return self.fills[own]

    def _means(self, circuit: Circuit) -> Mean:
        if self.reference is None:
            raise InterventionError(
                "mean replacement takes the means of the model that is run: pass "
                "reference=task.reference"
            )
        options = {"batch_size": self.batch_size}
        return means_over(self.model, self.reference, circuit.universe, **options)


def overlap(name: str, one: Circuit, other: str, two: Circuit) -> Overlap:
    """What two circuits of one universe have in common.

    Raises:
        CircuitError: they are of different universes.
    """
    a, b = one.active, two.active
    if len(a) != len(b) or one.universe.parts != two.universe.parts:
        raise CircuitError(
            f"{name} is a circuit of {one.universe.spec}, {other} of {two.universe.spec}: compare "
            "circuits of one universe"
        )
    shared, either = int((a & b).sum()), int((a | b).sum())
    sizes = one.size, two.size
    return Overlap(
        one=name,
        two=other,
        shared=shared,
        jaccard=shared / either if either else 1.0,
        of_one=shared / sizes[0] if sizes[0] else None,
        of_two=shared / sizes[1] if sizes[1] else None,
        by_chance=sizes[0] * sizes[1] / one.universe.size,
    )
