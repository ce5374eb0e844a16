"""Whether a node can be told in simpler terms on plain text (paper 3, appendix F)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ...circuits import Circuit
from ...interventions import Mean, Where, Zero
from ...models import Model, Tap, Watch, attached, first_positions
from ...tasks import Split
from .._intervals import Average
from .._losses import LossObjective, bounded_loss
from ._activity import activity
from ._measure import Measure, mean_of

WRITES = ("attn.resid_delta", "mlp.resid_delta")


@dataclass(frozen=True, kw_only=True)
class ConstantQuery:
    """A query channel that is held at its mean, or at zero, all over a text.

    Attributes:
        node: its name; `all` for all of the circuit's queries at once.
        constant, zero: how much more loss that is, in nats a token.
    """

    node: str
    constant: Average
    zero: Average

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "node": self.node,
            "constant": self.constant.to_dict(),
            "zero": self.zero.to_dict(),
        }


def constant_queries(
    model: Model, circuit: Circuit, text: Split, *, batch_size: int = 64
) -> list[ConstantQuery]:
    """Whether a circuit's queries are as good as constants in the full model.

    Args:
        model: the model; it is not changed.
        circuit: whose query channels are tried, each alone and then all at once.
        text: what they are tried on, and their means taken over.
        batch_size: examples per forward.

    Raises:
        CircuitError: the circuit does not fit the model.

    Source: weight-sparse transformers, F.1 (2.6e-5 nats a token as a constant, 1.47e-4 at zero).
    """
    circuit.check(model)
    gates = circuit.universe.expand(circuit.active)
    queries = [
        ((layer, site), channel)
        for (layer, site), gate in gates.items()
        if site == "attn.q"
        for channel in gate.nonzero()[:, 0].tolist()
    ]
    if not queries:
        return []
    means = activity(model, text, "attn.q:channel", batch_size=batch_size).mean
    fills = Mean(values=means, reference=text.name, positions="all"), Zero(positions="all")
    measure = _on_text(model, text, batch_size)
    full = measure.of()

    def without(name: str, closed: list[tuple[Where, int]]) -> ConstantQuery:
        kept = {
            where: torch.ones(model.shape.width(*where), dtype=torch.bool) for where, _ in closed
        }
        for where, channel in closed:
            kept[where][channel] = False
        constant, zero = (mean_of(measure.of(kept, fill) - full) for fill in fills)
        return ConstantQuery(node=name, constant=constant, zero=zero)

    one_by_one = [without(f"{w[0]}.{w[1]}.{channel}", [(w, channel)]) for w, channel in queries]
    return [*one_by_one, without("all", queries)] if len(queries) > 1 else one_by_one


@dataclass(frozen=True, kw_only=True)
class RedundantWrite:
    """A write that may be told by an earlier one to the same stream channel.

    Attributes:
        node, earlier: names of the two.
        correlation: of their activations on the text.
        slope: of the line that tells the later from the earlier one.
        linear, zero: how much more loss the full model has on the text, in nats a token, with the
            later one on that line, and at zero.
        circuit: the circuit's loss on the task, ...
        dropped: ... without the later node, ...
        rescaled: ... and with the earlier one scaled up to make up for it.
    """

    node: str
    earlier: str
    correlation: float
    slope: float
    linear: Average
    zero: Average
    circuit: Average
    dropped: Average
    rescaled: Average

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        names = ("linear", "zero", "circuit", "dropped", "rescaled")
        plain = {name: getattr(self, name) for name in ("node", "earlier", "correlation", "slope")}
        return plain | {name: getattr(self, name).to_dict() for name in names}


def redundant_writes(
    model: Model,
    circuit: Circuit,
    split: Split,
    text: Split,
    *,
    objective: LossObjective = "candidates",
    batch_size: int = 64,
) -> list[RedundantWrite]:
    """Where a circuit writes a stream channel twice in a row: could one write, rescaled, do?

    Rescaling can hide superposition, so it says something only where the line holds on plain text
    as well.

    Args:
        model: the model; it is not changed.
        circuit: whose writes are compared, those that follow each other on one channel.
        split: examples of the task, as a rule `task.test`.
        text: where the line is fitted and tried; means are taken over it.
        objective: of the task, see `smallest_at_loss`.
        batch_size: examples per forward.

    Raises:
        CircuitError: the circuit does not fit the model.
        TaskError: the examples lack what the objective needs.

    Source: weight-sparse transformers, F.2 (2.attn and 3.attn.resid_delta 1249).
    """
    circuit.check(model)
    gates = circuit.universe.expand(circuit.active)
    writers: dict[int, list[Where]] = defaultdict(list)
    for where in sorted(gates):
        if where[1] in WRITES:
            for channel in gates[where].nonzero()[:, 0].tolist():
                writers[channel].append(where)
    pairs = [(c, *pair) for c, own in sorted(writers.items()) for pair in pairwise(own)]
    if not pairs:
        return []
    means = activity(model, text, circuit.universe, batch_size=batch_size).mean
    fill = Mean(values=means, reference=text.name)
    task = Measure(
        model=model, split=split, loss=bounded_loss(model, objective), batch_size=batch_size
    )
    plain = _on_text(model, text, batch_size)
    alone, full = task.of(gates, fill), plain.of()
    found = []
    for channel, first, second in pairs:
        correlation, slope = _line(model, text, channel, first, second, batch_size)
        line = _on_line(model, channel, first, second, slope, means)
        zero = torch.ones_like(gates[second])
        zero[channel] = False
        less = {where: gate.float() for where, gate in gates.items()}
        less[second][channel] = 0
        dropped = task.of(less, fill)
        less[first][channel] = 1 + slope
        found.append(
            RedundantWrite(
                node=f"{second[0]}.{second[1]}.{channel}",
                earlier=f"{first[0]}.{first[1]}.{channel}",
                correlation=correlation,
                slope=slope,
                linear=mean_of(plain.of(watches=line) - full),
                zero=mean_of(plain.of({second: zero}, Zero()) - full),
                circuit=mean_of(alone),
                dropped=mean_of(dropped),
                rescaled=mean_of(task.of(less, fill)),
            )
        )
    return found


def _on_text(model: Model, text: Split, batch_size: int) -> Measure:
    loss = bounded_loss(model, "task")
    return Measure(model=model, split=text, loss=loss, per_token=True, batch_size=batch_size)


def _line(
    model: Model, text: Split, channel: int, first: Where, second: Where, batch_size: int
) -> tuple[float, float]:
    """Correlation of two writes, and the slope of the later over the earlier one."""
    columns: list[list[Tensor]] = [[], []]
    taps = [model.tap(*where) for where in (first, second)]
    watches: list[tuple[Tap, Watch]] = [
        (tap, lambda x, own=own, tap=tap: own.append(tap.select(x)[..., channel]))
        for tap, own in zip(taps, columns, strict=True)
    ]
    counted = []
    with torch.no_grad(), model.frozen(), attached(watches):
        for batch in text.batches(batch_size):
            tokens = batch.tokens.to(model.device)
            model.logits(tokens, keep=1)
            first_ones = first_positions(tokens.ids, tokens.mask, None, 0)
            counted.append((tokens.full_mask.bool() & ~first_ones).flatten())
    chosen = torch.cat(counted)
    x, y = (torch.cat([part.flatten() for part in own])[chosen].double() for own in columns)
    x, y = x - x.mean(), y - y.mean()
    both = float(x.norm() * y.norm())
    product, square = float(x @ y), float(x @ x)
    return product / both if both else 0.0, product / square if square else 0.0


def _on_line(
    model: Model,
    channel: int,
    first: Where,
    second: Where,
    slope: float,
    means: Mapping[Where, Tensor],
) -> list[tuple[Tap, Watch]]:
    """Give a write what the line through an earlier one says."""
    held = torch.empty(0)
    one, two = model.tap(*first), model.tap(*second)

    def keep(whole: Tensor) -> None:
        nonlocal held
        held = one.select(whole)[..., channel]

    def give(whole: Tensor) -> Tensor:
        x = two.select(whole).clone()
        middle = float(means[second][channel]) - slope * float(means[first][channel])
        x[..., channel] = slope * held + middle
        return two.put(whole, x)

    return [(one, keep), (two, give)]
