"""Running a circuit with a step function at every node, and finding the steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ...circuits import Circuit
from ...interventions import Replacement, Where, record, restrict
from ...models import Model, Tap, Watch, attached, first_positions
from ...tasks import Batch, Loss, Split
from .._losses import LossObjective, bounded_loss

THRESHOLDS = (0.25, 0.5, 0.75)
"""Of the way from a node's lowest to its highest activation (appendix C)."""


@dataclass(frozen=True, kw_only=True)
class Binarising:
    """How two values are found for every node.

    Attributes:
        objective: the loss that decides, of `candidates`, `task` or `kl`.
        tried: examples that the first search looks at.
        steps: of Adam on all values together, while the step gets steeper; 0 for the first search
            alone. The paper does not say how it trains.
        rate: its learning rate, in units of the distance between a node's first two values.
        batch_size: examples per step and per forward.
        seed: of the order of the examples.
    """

    objective: LossObjective = "candidates"
    tried: int = 64
    steps: int = 100
    rate: float = 0.01
    batch_size: int = 64
    seed: int = 0


def step(
    x: Float[Tensor, "... nodes"],
    low: Float[Tensor, " nodes"],
    high: Float[Tensor, " nodes"],
    softness: float,
) -> Float[Tensor, "... nodes"]:
    """The identity at softness 1, a step from `low` to `high` halfway between them at 0.

    In between a mixture of the identity and a sigmoid whose temperature is the softness, in units
    of the distance from low to high, shifted and stretched so that low and high stay what they
    are.

    Source: weight-sparse transformers, appendix C.
    """
    middle, wide = (low + high) / 2, high - low
    if softness <= 0:
        return torch.where(x < middle, low, high)
    span = torch.where(wide.abs() < 1e-12, torch.ones_like(wide), wide)
    end = torch.sigmoid(torch.tensor(0.5 / softness, dtype=x.dtype, device=x.device))
    part = torch.sigmoid((x - middle) / (span * softness))
    curve = low + wide * (part - (1 - end)) / (2 * end - 1)
    return softness * x + (1 - softness) * curve


Values = dict[Where, Tensor]
"""(layer, site) -> low and high of its kept channels, shape [2, kept]; NaN leaves one as it is."""


class Stepped:
    """The circuit of one model, run with steps at its nodes."""

    def __init__(
        self, model: Model, circuit: Circuit, fill: Replacement, config: Binarising
    ) -> None:
        self.model, self.fill, self.config = model, fill, config
        self.gates = circuit.universe.expand(circuit.active)
        self.kept = {w: gate.nonzero()[:, 0] for w, gate in self.gates.items() if bool(gate.any())}
        self.size = sum(map(len, self.kept.values()))
        self._losses: dict[str, Loss] = {}  # each of one split, whose rows it may remember
        self.exempt: Bool[Tensor, "rows pos"] = torch.zeros(1, 1, dtype=torch.bool)

    def _loss(self, split: Split) -> Loss:
        if split.name not in self._losses:
            self._losses[split.name] = bounded_loss(self.model, self.config.objective)
        return self._losses[split.name]

    def named(self, values: Values) -> dict[str, tuple[float, float]]:
        """By the names of nodes."""
        return {
            f"{layer}.{site}.{channel}": (float(low), float(high))
            for (layer, site), pairs in values.items()
            for channel, low, high in zip(self.kept[layer, site].tolist(), *pairs, strict=True)
        }

    @contextmanager
    def _stepped(self, values: Values | None, softness: float, alone: bool) -> Iterator[None]:
        if not alone:
            yield
            return
        taps = {where: self.model.tap(*where) for where in values or {}}
        watches: list[tuple[Tap, Watch]] = [
            (taps[where], partial(self._give, where, taps[where], pairs, softness))
            for where, pairs in (values or {}).items()
        ]
        with restrict(self.model, self.gates, self.fill), attached(watches):
            yield

    def _give(
        self, where: Where, tap: Tap, pairs: Tensor, softness: float, whole: Tensor
    ) -> Tensor:
        """The site with steps at its nodes, but where a position or node is exempt."""
        chosen = self.kept[where].to(whole.device)
        x = tap.select(whole).clone()
        low, high = pairs.to(x)
        new = step(x[..., chosen], low.nan_to_num(), high.nan_to_num(), softness)
        leave = self.exempt[..., None] | low.isnan()
        x[..., chosen] = torch.where(leave, x[..., chosen], new)
        return tap.put(whole, x)

    def logits(
        self, batch: Batch, values: Values | None, softness: float = 0.0, alone: bool = True
    ) -> Tensor:
        tokens = batch.tokens.to(self.model.device)
        first = first_positions(tokens.ids, tokens.mask, None, 0)
        whole = self.fill.positions == "all"
        self.exempt = torch.zeros_like(first) if whole else first
        with self._stepped(values, softness, alone):
            return self.model.logits(tokens, keep=batch.answer_length)

    def losses(self, split: Split, values: Values | None, *, alone: bool = True) -> Tensor:
        """Of every example; of the full model if not `alone`."""
        found = torch.zeros(len(split))
        with torch.no_grad(), self.model.frozen():
            for batch in split.batches(self.config.batch_size):
                logits = self.logits(batch, values, alone=alone)
                found[batch.rows] = self._loss(split).of(logits, batch).float().cpu()
        return found

    def search(self, split: Split, tell: Callable[[], None]) -> Values:
        """The best of three pairs for every node, each tried on its own."""
        seen = self._seen(split)
        best = {where: torch.full((2, len(own)), torch.nan) for where, own in self.kept.items()}
        for where, columns in seen.items():
            for place, column in enumerate(columns.T):
                options = [_pair(column, share) for share in THRESHOLDS]
                costs = []
                for pair in options:
                    one = {where: torch.full_like(best[where], torch.nan)}
                    one[where][:, place] = pair
                    costs.append(float(self.losses(split, one).mean()))
                best[where][:, place] = options[costs.index(min(costs))]
                tell()
        return best

    def _seen(self, split: Split) -> dict[Where, Float[Tensor, "tokens kept"]]:
        """Activations of the circuit's nodes while it runs alone."""
        found: dict[Where, list[Tensor]] = {where: [] for where in self.kept}
        with torch.no_grad(), self.model.frozen():
            for batch in split.batches(self.config.batch_size):
                tokens = batch.tokens.to(self.model.device)
                counted = tokens.full_mask.bool()
                counted &= ~first_positions(tokens.ids, tokens.mask, None, 0)
                with restrict(self.model, self.gates, self.fill):
                    held = record(self.model, tokens, self.kept)
                for where, x in held.items():
                    chosen = self.kept[where].to(x.device)
                    found[where].append(x[counted][:, chosen].float().cpu())
        return {where: torch.cat(parts) for where, parts in found.items()}

    def train(self, first: Values, split: Split, tell: Callable[[], None]) -> Values:
        """Move all pairs together while the steps get steeper.

        Where that ends above the loss that it began with, nothing is moved.
        """
        config = self.config
        if not config.steps or not first:
            return first
        wide = {w: (v[1] - v[0]).abs().clamp(min=1e-6) for w, v in first.items()}
        moves = {w: torch.zeros_like(v, requires_grad=True) for w, v in first.items()}
        optimizer = torch.optim.Adam(list(moves.values()), lr=config.rate)
        generator = torch.Generator().manual_seed(config.seed)
        batches, order = list(split.batches(config.batch_size)), []
        for at in range(config.steps):
            order = order or torch.randperm(len(batches), generator=generator).tolist()
            batch, softness = batches[order.pop()], (1 - at / config.steps) ** 5
            values = {w: first[w] + moves[w] * wide[w] for w in first}
            optimizer.zero_grad()
            with torch.enable_grad(), self.model.frozen():
                self._loss(split).of(self.logits(batch, values, softness), batch).mean().backward()
            optimizer.step()
            tell()
        trained = {w: (first[w] + moves[w] * wide[w]).detach() for w in first}
        before, after = (float(self.losses(split, values).mean()) for values in (first, trained))
        return trained if after < before else first


def _pair(column: Float[Tensor, " tokens"], share: float) -> Float[Tensor, " 2"]:
    """Mean activation below and above a threshold; a node that does not vary keeps its value."""
    threshold = column.min() + share * (column.max() - column.min())
    above = column >= threshold
    if bool(above.all()):
        return column.mean().expand(2)
    return torch.stack([column[~above].mean(), column[above].mean()])
