"""What a circuit's nodes hold: on task pairs at the answer, and on text at percentiles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...circuits import LAYER, Circuit, Group
from ...errors import TaskError
from ...models import Model, Tap, Tokens, Watch, attached, first_positions
from ...tasks import Split
from ._contexts import PERCENTILES, check_percentiles, mirrored, nearest

NONE = -1
"""In `TextActivations.places`, where there are fewer examples than contexts asked for."""

MEMORY_MB = 256
MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Kept nodes of one group; a head or block is told by the Euclidean norm of its channels."""

    group: Group
    index: Int[Tensor, " nodes"]

    def of(self, x: Float[Tensor, "*tokens width"]) -> Float[Tensor, "*tokens nodes"]:
        index = self.index.to(x.device)
        if self.group.granularity == "channel":
            return x[..., index].float()
        whole = x.unflatten(-1, (self.group.count, self.group.unit))
        return whole[..., index, :].float().norm(dim=-1)


@dataclass(frozen=True, kw_only=True, eq=False)
class PairActivations:
    """Activations at the position that predicts the answer's first token.

    Attributes:
        nodes: names.
        split: of which examples.
        examples: prompt, counterfactual and right answer of each, in the split's order.
        values: of the prompt, then of the counterfactual; shape [nodes, examples, 2].
    """

    nodes: tuple[str, ...]
    split: str
    examples: tuple[tuple[str, str, str], ...]
    values: Float[Tensor, "nodes examples 2"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TextActivations:
    """Activations on text at percentiles, and where.

    Attributes:
        nodes: names.
        text: the split's name.
        percentiles: ascending; those asked for and their mirror images above the median.
        levels: the activation at each; shape [nodes, percentiles].
        places: example and token of the activations closest to that, each in another example;
            -1 where there are no more. Shape [nodes, percentiles, each, 2].
        values: the activations there; shape [nodes, percentiles, each].
        documents: the examples, token by token.
    """

    nodes: tuple[str, ...]
    text: str
    percentiles: tuple[float, ...]
    levels: Float[Tensor, "nodes percentiles"]
    places: Int[Tensor, "nodes percentiles each 2"]
    values: Float[Tensor, "nodes percentiles each"]
    documents: tuple[tuple[str, ...], ...]


def pair_activations(
    model: Model, circuit: Circuit, split: Split, *, batch_size: int = 64, transfer: bool = False
) -> PairActivations:
    """What every kept node holds at the answer position, on both sides of every pair.

    The full model runs. A node for a whole layer holds nothing of its own and is left out.

    Args:
        model: the model; it is not changed.
        circuit: whose nodes.
        split: examples, each with a counterfactual.
        batch_size: pairs per forward.
        transfer: allow a circuit that was found in other weights of the same shape.

    Raises:
        CircuitError: the circuit does not fit the model.
        TaskError: an example has no counterfactual.
    """
    circuit.check(model, transfer=transfer)
    check_pairs(split)
    columns = columns_of(circuit)
    values = torch.empty(sum(len(own.index) for own in columns), len(split), 2)
    for batch in split.batches(batch_size, partner="counterfactual"):
        seen = seen_in(model, batch.lockstep_prompts, columns, slice(-1, None))
        both = torch.cat([x[:, 0] for x in seen], dim=1).unflatten(0, (2, len(batch)))
        values[:, batch.rows] = both.permute(2, 1, 0)
    return PairActivations(
        nodes=tuple(names_of(circuit, columns)),
        split=split.name,
        examples=tuple((e.prompt, e.counterfactual or "", e.answers[0]) for e in split.examples),
        values=values,
    )


def text_activations(
    model: Model,
    circuit: Circuit,
    text: Split,
    *,
    percentiles: Sequence[float] = PERCENTILES,
    each: int = 2,
    batch_size: int = 64,
    memory_mb: int = MEMORY_MB,
    transfer: bool = False,
) -> TextActivations:
    """Where in a text every kept node is near percentiles of its activations.

    Exact: percentiles are over all tokens but first ones. Memory is bounded by reading the text
    once for every so many nodes as have room for all their activations.

    Args:
        model: the full model runs; it is not changed.
        circuit: whose nodes.
        text: what is read.
        percentiles: up to 50; each stands for itself and for its mirror image above the median.
        each: contexts at every percentile.
        batch_size: examples per forward.
        memory_mb: for activations that are held at once, in MiB.
        transfer: allow a circuit that was found in other weights of the same shape.

    Raises:
        CircuitError: the circuit does not fit the model.
        TaskError: the text has first tokens only, or a percentile is out of range.

    Source: weight-sparse transformers, appendix G's figures 38 and 39 (0.1, 1, 10 and 50%).
    """
    circuit.check(model, transfer=transfer)
    check_percentiles(percentiles)
    places = _places(text, batch_size)
    if not places:
        raise TaskError(f"{text.name} has no token but first ones: take longer texts")
    wanted, columns = mirrored(percentiles), columns_of(circuit)
    nodes = sum(len(own.index) for own in columns)
    levels = torch.empty(nodes, len(wanted))
    where = torch.full((nodes, len(wanted), each, 2), NONE, dtype=torch.int32)
    values = torch.zeros(nodes, len(wanted), each)
    room = max(memory_mb * MIB // (4 * len(places)), 1)
    node = 0
    for some in _chunks(columns, room):
        for column in _read(model, text, some, batch_size, len(places)).T.contiguous():
            for at, percentile in enumerate(wanted):
                levels[node, at], tokens = nearest(column, percentile, places, each)
                for nth, token in enumerate(tokens):
                    where[node, at, nth] = torch.tensor(places[token])
                    values[node, at, nth] = column[token]
            node += 1
    ids = [[*item.prompt, *item.answers[0]] for item in text.encoded]
    return TextActivations(
        nodes=tuple(names_of(circuit, columns)),
        text=text.name,
        percentiles=tuple(wanted),
        levels=levels,
        places=where,
        values=values,
        documents=tuple(tuple(model.tokenizer.decode([token]) for token in own) for own in ids),
    )


def check_pairs(split: Split) -> None:
    """Raises: TaskError: an example has no counterfactual."""
    if lacking := next((e for e in split.examples if e.counterfactual is None), None):
        raise TaskError(
            f"activations on pairs need a counterfactual for every example; {lacking.prompt!r} has "
            "none"
        )


def columns_of(circuit: Circuit) -> list[Columns]:
    """The kept nodes, group by group; nodes for whole layers hold nothing of their own."""
    active = circuit.active
    groups = [group for group in circuit.universe.groups if group.site != LAYER]
    found = [Columns(group=g, index=active[g.nodes].nonzero()[:, 0]) for g in groups]
    return [own for own in found if len(own.index)]


def names_of(circuit: Circuit, columns: Sequence[Columns]) -> Iterator[str]:
    """Of the same nodes in the same order."""
    for own in columns:
        for index in own.index.tolist():
            yield circuit.universe.name(own.group.start + index)


def _chunks(columns: Sequence[Columns], room: int) -> Iterator[list[Columns]]:
    """The same nodes in the same order, at most `room` at a time."""
    chunk: list[Columns] = []
    left = room
    for own in columns:
        rest = own.index
        while len(rest):
            chunk.append(Columns(group=own.group, index=rest[:left]))
            rest, left = rest[left:], left - len(chunk[-1].index)
            if not left:
                yield chunk
                chunk, left = [], room
    if chunk:
        yield chunk


def _places(text: Split, batch_size: int) -> list[tuple[int, int]]:
    """Example and token of everything but first tokens, in the order in which it is read."""
    places: list[tuple[int, int]] = []
    for batch in text.batches(batch_size):
        padding = (1 - batch.tokens.full_mask).sum(dim=1).tolist()
        for row, column in _mask(batch.tokens).nonzero().tolist():
            places.append((int(batch.rows[row]), column - padding[row]))
    return places


def _mask(tokens: Tokens) -> Tensor:
    return tokens.full_mask.bool() & ~first_positions(tokens.ids, tokens.mask, None, 0)


def _read(
    model: Model, text: Split, columns: Sequence[Columns], batch_size: int, tokens: int
) -> Float[Tensor, "tokens nodes"]:
    found = torch.empty(tokens, sum(len(own.index) for own in columns))
    start = 0
    for batch in text.batches(batch_size):
        counted = _mask(batch.tokens)
        seen = seen_in(model, batch.tokens, columns, slice(None))
        stop = start + int(counted.sum())
        found[start:stop] = torch.cat([x[counted] for x in seen], dim=1)
        start = stop
    return found


def seen_in(
    model: Model, tokens: Tokens, columns: Sequence[Columns], positions: slice
) -> list[Float[Tensor, "rows pos nodes"]]:
    """Of a run, only what is asked for; nothing else outlives the layer that it is in."""
    seen: list[Tensor] = [torch.empty(0)] * len(columns)

    def watch_at(place: int, own: Columns, tap: Tap) -> Watch:
        def watch(whole: Tensor) -> None:
            seen[place] = own.of(tap.select(whole)[:, positions]).cpu()

        return watch

    taps = [model.tap(*own.group.places[0]) for own in columns]
    watches = [
        (tap, watch_at(place, own, tap))
        for place, (own, tap) in enumerate(zip(columns, taps, strict=True))
    ]
    with torch.no_grad(), model.frozen(), attached(watches):
        model.logits(tokens.to(model.device), keep=1)
    return seen
