"""Where in a text a node is at its lowest, middling or highest."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...circuits import Circuit
from ...errors import TaskError
from ...interventions import Where, record
from ...models import Model, first_positions
from ...tasks import Split

PERCENTILES = (0.1, 1.0, 10.0, 50.0)
"""Of a node's activations on text, in percent."""

BEFORE, AFTER = 12, 4


@dataclass(frozen=True, kw_only=True)
class Context:
    """A token and what stands around it.

    Attributes:
        activation: of the node there.
        before, token, after: text.
    """

    activation: float
    before: str
    token: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Percentile:
    """What a node does at one percentile of its activations.

    Attributes:
        percentile: 0.1 is near the lowest, 99.9 near the highest.
        activation: at it.
        contexts: tokens whose activation is nearest to that, each in another example.
    """

    percentile: float
    activation: float
    contexts: tuple[Context, ...]


@dataclass(frozen=True, kw_only=True)
class NodeContexts:
    """A node at its percentiles, lowest first."""

    node: str
    percentiles: tuple[Percentile, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return asdict(self)


def node_contexts(
    model: Model,
    circuit: Circuit,
    text: Split,
    *,
    percentiles: Sequence[float] = PERCENTILES,
    each: int = 2,
    batch_size: int = 64,
) -> list[NodeContexts]:
    """Show every node of a circuit on text that has nothing to do with its task.

    Args:
        model: the full model runs; it is not changed.
        circuit: of channels.
        text: all its tokens but first ones are looked at.
        percentiles: up to 50; each stands for itself and for its mirror image above the median.
        each: contexts at every percentile.
        batch_size: examples per forward.

    Raises:
        CircuitError: the circuit does not fit the model.
        TaskError: the text has first tokens only, or a percentile is out of range.

    Source: weight-sparse transformers, appendix G's figures 38 and 39 (0.1, 1, 10 and 50%).
    """
    circuit.check(model)
    check_percentiles(percentiles)
    gates = circuit.universe.expand(circuit.active)
    chosen = {where: gate.nonzero()[:, 0] for where, gate in gates.items() if bool(gate.any())}
    values: dict[Where, list[Tensor]] = {where: [] for where in chosen}
    places: list[tuple[int, int]] = []
    for batch in text.batches(batch_size):
        tokens = batch.tokens.to(model.device)
        counted = tokens.full_mask.bool() & ~first_positions(tokens.ids, tokens.mask, None, 0)
        padding = (1 - tokens.full_mask).sum(dim=1).tolist()
        for row, position in counted.nonzero().tolist():
            places.append((int(batch.rows[row]), position - padding[row]))
        with model.frozen():
            seen = record(model, tokens, chosen)
        for where, x in seen.items():
            values[where].append(x[counted][:, chosen[where].to(x.device)].float().cpu())
    if not places:
        raise TaskError(f"{text.name} has no token but first ones: take longer texts")
    ids = [[*item.prompt, *item.answers[0]] for item in text.encoded]
    wanted = mirrored(percentiles)
    found: list[NodeContexts] = []
    for (layer, site), parts in values.items():
        columns = torch.cat(parts).T
        for channel, column in zip(chosen[layer, site].tolist(), columns, strict=True):
            shown = tuple(_at(model, column, p, places, ids, each) for p in wanted)
            found.append(NodeContexts(node=f"{layer}.{site}.{channel}", percentiles=shown))
    return found


def _at(
    model: Model,
    column: Float[Tensor, " tokens"],
    percentile: float,
    places: Sequence[tuple[int, int]],
    ids: Sequence[Sequence[int]],
    each: int,
) -> Percentile:
    target, tokens = nearest(column, percentile, places, each)
    contexts = [
        _context(model, ids[places[token][0]], places[token][1], float(column[token]))
        for token in tokens
    ]
    return Percentile(percentile=percentile, activation=target, contexts=tuple(contexts))


def nearest(
    column: Float[Tensor, " tokens"],
    percentile: float,
    places: Sequence[tuple[int, int]],
    each: int,
) -> tuple[float, list[int]]:
    """The value at a percentile, and the tokens closest to it, each in another example.

    Args:
        places: example and position of every token.
    """
    rank = round(percentile / 100 * (len(column) - 1))
    target = float(column.kthvalue(rank + 1).values)
    found: dict[int, int] = {}
    for token in torch.sort((column - target).abs(), stable=True).indices.tolist():
        found.setdefault(places[token][0], token)
        if len(found) == each:
            break
    return target, list(found.values())


def check_percentiles(percentiles: Sequence[float]) -> None:
    """Raises: TaskError: one of them does not lie between 0 and the median."""
    if not all(0 <= percentile <= 50 for percentile in percentiles):
        raise TaskError(f"percentiles are numbers from 0 to 50, not {list(percentiles)}")


def mirrored(percentiles: Sequence[float]) -> list[float]:
    """Each of them and its mirror image above the median, ascending."""
    return sorted({p for own in percentiles for p in (own, 100 - own)})


def _context(model: Model, ids: Sequence[int], position: int, activation: float) -> Context:
    decode = model.tokenizer.decode
    return Context(
        activation=activation,
        before=decode(list(ids[max(position - BEFORE, 0) : position])),
        token=decode([ids[position]]),
        after=decode(list(ids[position + 1 : position + 1 + AFTER])),
    )
