"""Circuits that take turns: which one applies depends on the token that is being written."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ...circuits import Circuit
from ...errors import CircuitError, InterventionError
from ...interventions import Partners, Replacement, Resample, restrict
from ...models import Model, Prefix, first_positions
from ...tasks import Batch, Metric, Split
from .._evaluate import Outcome, prefix_only

Placed = tuple[Circuit, slice]
"""A circuit, and the columns of a batch at which it applies."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Routed:
    """A circuit for each token of an answer (paper 1, "The pieces do not assemble").

    At the position that predicts token t of the answer step t's circuit applies, at all positions
    before the first of these `prompt`. What a position is given depends on the text up to it only,
    so for greedy decoding teacher-forced and autoregressive accuracy are one by induction.

    Attributes:
        prompt: what reads the prompt.
        steps: one circuit per token; longer answers go on with the last.
        clean_prefix: run every step by itself, with the full model at the answer's earlier tokens.
    """

    prompt: Circuit
    steps: tuple[Circuit, ...]
    clean_prefix: bool = False

    def __post_init__(self) -> None:
        if not self.steps:
            raise CircuitError("a routed circuit needs a circuit for at least one step")

    @classmethod
    def of(cls, steps: Sequence[Circuit]) -> "Routed":
        """The prompt is read by all of them together."""
        return cls(prompt=together(steps), steps=tuple(steps))

    @property
    def union(self) -> Circuit:
        """Every node that is ever in use."""
        return together([self.prompt, *self.steps])

    @property
    def size(self) -> int:
        """Number of nodes that are ever in use."""
        return self.union.size

    def step(self, number: int) -> Circuit:
        """The circuit that writes a token of the answer, counted from 0."""
        return self.steps[min(number, len(self.steps) - 1)]

    def passes(self, width: int, length: int) -> list[list[Placed]]:
        """Where which circuit applies, for each forward that a batch needs.

        Args:
            width: columns of the batch, the last `length` of which predict the answer.
            length: tokens of the answer.
        """
        first = width - length
        before = (self.prompt, slice(0, first))
        at = [(self.step(t), slice(first + t, first + t + 1)) for t in range(length)]
        if not self.clean_prefix:
            return [[before, *at]]
        return [[before, at[0], *([at[t]] if t else [])] for t in range(length)]


def together(circuits: Sequence[Circuit]) -> Circuit:
    """The union of circuits of one universe, with the fingerprint that they share."""
    union = circuits[0]
    for circuit in circuits[1:]:
        union = union | circuit
    return union


@contextmanager
def placed(
    model: Model,
    circuits: Sequence[Placed],
    batch: Batch,
    replacement: Replacement,
    after: Prefix | None = None,
    *,
    transfer: bool = False,
) -> Iterator[None]:
    """Inside the block, each circuit applies at its columns of the batch; elsewhere none does.

    Args:
        model: the model to run.
        circuits: with columns that do not overlap.
        batch: what will be run.
        replacement: what nodes outside are given, at all positions or all but the first.
        after: what the run starts behind.
        transfer: allow circuits that were found in other weights of the same shape.

    Raises:
        InterventionError: the replacement is for chosen positions already.
    """
    if not prefix_only(replacement):
        raise InterventionError(
            "circuits that take turns choose the positions themselves: give the replacement "
            "positions='all_but_first' or 'all'"
        )
    tokens = batch.tokens.to(model.device)
    allowed = torch.ones_like(tokens.ids, dtype=torch.bool)
    if replacement.positions == "all_but_first":
        allowed &= ~first_positions(tokens.ids, tokens.mask, None, 0)
    start = after.columns if after else 0
    with ExitStack() as stack:
        for circuit, columns in circuits:
            chosen = torch.zeros_like(allowed)
            chosen[:, columns] = allowed[:, columns]
            fill = replace(replacement, positions=chosen[:, start:])
            stack.enter_context(restrict(model, circuit, fill, transfer=transfer))
        yield


def routed_logits(
    model: Model,
    routed: Routed,
    batch: Batch,
    replacement: Replacement,
    partners: Partners | None,
    *,
    transfer: bool = False,
) -> Float[Tensor, "rows length vocab"]:
    """Logits at the answer, of a batch with partners if the replacement takes from them."""
    fill, after = replacement, None
    if partners is not None:
        run = partners.run(batch)
        fill, after = run.replacement, run.prefix
    length = batch.answer_length
    found = []
    for circuits in routed.passes(batch.tokens.ids.shape[1], length):
        with placed(model, circuits, batch, fill, after, transfer=transfer):
            found.append(model.logits(batch.tokens, keep=length, after=after))
    if len(found) == 1:
        return found[0]
    return torch.stack([logits[:, step] for step, logits in enumerate(found)], dim=1)


def evaluate_routed(
    model: Model,
    split: Split,
    routed: Routed,
    replacement: Replacement,
    *,
    metrics: Sequence[Metric] = (),
    batch_size: int = 64,
    transfer: bool = False,
) -> Outcome:
    """Run a split, teacher-forced, through circuits that take turns; see `verify.evaluate`.

    Raises:
        CircuitError: a circuit does not fit the model.
        InterventionError: the replacement is for chosen positions already.
        TaskError: a counterfactual is needed and an example has none.
    """
    partners = Partners.of(model, routed.prompt.universe, replacement)
    kind = "resample" if isinstance(replacement, Resample) else "counterfactual"
    right = torch.zeros(len(split), dtype=torch.bool)
    values = {metric.name: torch.zeros(len(split)) for metric in metrics}
    with torch.no_grad(), model.frozen():
        for batch in split.batches(batch_size, partner=kind if partners else None):
            logits = routed_logits(model, routed, batch, replacement, partners, transfer=transfer)
            right[batch.rows] = split.criterion.of(logits, batch).cpu()
            for metric in metrics:
                values[metric.name][batch.rows] = metric.of(logits, batch).float().cpu()
    return Outcome(right, values)
