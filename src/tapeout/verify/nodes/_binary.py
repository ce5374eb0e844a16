"""Nodes that can take two values only (paper 3, appendix C)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...circuits import Circuit
from ...interventions import Mean, Replacement
from ...models import Model
from ...tasks import Split
from .._intervals import Average
from ._measure import fill_of, mean_of
from ._stepped import Binarising, Stepped

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Binarised:
    """A circuit whose every node takes one of two values.

    Attributes:
        values: node -> (low, high); the step lies in the middle between them.
        full: the loss of the full model, ...
        circuit: of the circuit, ...
        first: with the values of the first search, ...
        binary: and with those that training made of them.
        split, n: where these were measured; `fitted` is where values come from.
        replacement, reference: what nodes outside the circuit are given.
    """

    values: Mapping[str, tuple[float, float]]
    full: Average
    circuit: Average
    first: Average
    binary: Average
    objective: str
    split: str
    n: int
    fitted: str
    replacement: str
    reference: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        names = ("objective", "split", "n", "fitted", "replacement", "reference")
        losses = ("full", "circuit", "first", "binary")
        values = [{"node": node, "low": a, "high": b} for node, (a, b) in self.values.items()]
        return (
            {name: getattr(self, name) for name in names}
            | {name: getattr(self, name).to_dict() for name in losses}
            | {"values": values}
        )


def binarise(
    model: Model,
    circuit: Circuit,
    fit: Split,
    split: Split,
    replacement: str | Replacement = "mean",
    *,
    config: Binarising | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Binarised:
    """Give every node of a circuit two values, and measure what that costs.

    Each node first gets those two of three pairs with which it alone costs least: the means of
    its activations below and above a threshold. Then all pairs are trained together while the
    identity turns into a step, with softness (1 - progress)^5.

    Args:
        model: the model; it is not changed.
        circuit: of channels.
        fit: where values come from, as a rule `task.train`.
        split: where losses are measured, as a rule `task.test`.
        replacement: `zero`, `mean`, or a replacement that needs no partners. Where it exempts the
            first position, so does the step.
        config: how; or its fields as keyword arguments.
        progress: called with what is done and all there is.

    Raises:
        CircuitError: the circuit does not fit the model.
        InterventionError: the replacement needs partners, or means that are not there.
        TaskError: the examples lack what the objective needs.

    Source: weight-sparse transformers, appendix C.
    """
    config = config or Binarising(**options)
    circuit.check(model)
    fill = fill_of(circuit, replacement)
    work = Stepped(model, circuit, fill, config)
    total, done = work.size + config.steps, 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    first = work.search(fit.take(min(config.tried, len(fit))), tell)
    trained = work.train(first, fit, tell)
    full = work.losses(split, None, alone=False)
    return Binarised(
        values=work.named(trained),
        full=mean_of(full),
        circuit=mean_of(work.losses(split, None)),
        first=mean_of(work.losses(split, first)),
        binary=mean_of(work.losses(split, trained)),
        objective=config.objective,
        split=split.name,
        n=len(split),
        fitted=fit.name,
        replacement=fill.name,
        reference=fill.reference if isinstance(fill, Mean) else "",
    )
