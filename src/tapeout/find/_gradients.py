"""Gradient times difference at every site, formed as the gradients arrive."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..circuits import Group, Universe
from ..interventions import Mean, Where, record
from ..models import Model, Prefix, Tap, Tokens, Watch, attached, first_positions
from ..tasks import Batch, Criterion, Metric
from ._metric import NEGATIVE_KL, minus_kl

Activations = dict[Where, Tensor]


@dataclass
class GradientRun:
    """Sums of node scores over batches; see `Attribution` for what the settings mean."""

    model: Model
    universe: Universe
    metric: Metric
    means: Mean | None
    integrate: str
    steps: int
    aggregate: str
    correct_only: bool
    criterion: Criterion
    within: Callable[[Batch], AbstractContextManager[None]]
    examples: int = 0
    totals: dict[Group, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.groups: dict[Where, list[Group]] = {}
        for group in self.universe.groups:
            for place in group.places:
                self.groups.setdefault(place, []).append(group)
        self.taps = {key: self.model.tap(*key) for key in self.groups}
        self.start = Tap(self.model.hf.get_submodule(self.model.anatomy.family.embed), "out")
        self.counted = torch.empty(0)
        self.after: Prefix | None = None
        self.pending: dict[Group, Tensor] = {}

    def values(self) -> Float[Tensor, " nodes"]:
        """Mean over the examples, in the universe's order."""
        return torch.cat([self.totals[group] for group in self.universe.groups]) / self.examples

    def add(self, batch: Batch) -> None:
        """Score one batch.

        Where a row and its counterfactual start alike, activations are equal and scores 0: those
        columns are read once, and neither run a second time nor differentiated.
        """
        self.after = self.model.read(batch.tokens, batch.shared)
        chosen = torch.ones(len(batch), dtype=torch.bool, device=self.model.device)
        if self.correct_only:
            with torch.no_grad():
                chosen = self.criterion.of(self._logits(batch), batch)
        self.examples += int(chosen.sum())
        if not bool(chosen.any()):
            return
        self.counted = (self._positions(batch.tokens) & chosen[:, None])[..., None]
        along = {
            "none": self._at_clean,
            "inputs": self._along_inputs,
            "activations": self._along_activations,
        }[self.integrate]
        baseline = self._baseline(batch)
        with self.within(batch):  # entered before anything watches: it may run the model
            along(batch, baseline)
        for group, product in self.pending.items():
            self._total(group, product)
        self.pending.clear()

    def _positions(self, tokens: Tokens) -> Bool[Tensor, "rows pos"]:
        tokens = tokens.to(self.model.device)
        wanted = tokens.full_mask.bool() & ~first_positions(tokens.ids, tokens.mask, None, 0)
        return wanted[:, self.after.columns :] if self.after else wanted

    def _logits(self, batch: Batch) -> Tensor:
        return self.model.logits(batch.tokens, keep=batch.answer_length, after=self.after)

    def _baseline(self, batch: Batch) -> Activations | None:
        """What a dropped node would be given at each site; None for zero."""
        if self.means is not None:
            return {key: self.means.at(key).to(self.model.device) for key in self.taps}
        return None if batch.partners is None else self._record(batch.partners)

    def _record(self, tokens: Tokens) -> Activations:
        return record(self.model, tokens, self.taps, after=self.after)

    def _at_clean(self, batch: Batch, baseline: Activations | None) -> None:
        def arrived(key: Where, x: Tensor, gradient: Tensor) -> None:
            for group, product in self._products(key, gradient, _gap(key, x, baseline)):
                whole = len(group.places) == 1  # a layer's node waits for both writes
                (self._total if whole else self._add)(group, product)

        self._backward(batch, arrived)

    def _along_inputs(self, batch: Batch, baseline: Activations | None) -> None:
        clean = self._record(batch.tokens)
        target = self._target(batch)
        begin, end = self._embeddings(batch)
        for part in self._midpoints():

            def arrived(key: Where, x: Tensor, gradient: Tensor) -> None:
                gap = _gap(key, clean[key], baseline)
                for group, product in self._products(key, gradient, gap):
                    self._add(group, product / self.steps)

            at = begin + part * (end - begin)
            self._backward(batch, arrived, embedding=at, target=target)

    def _along_activations(self, batch: Batch, baseline: Activations | None) -> None:
        clean = self._record(batch.tokens)
        target = self._target(batch)
        for key, tap in self.taps.items():
            gap = _gap(key, clean[key], baseline)
            for part in self._midpoints():
                at = (clean[key] - (1 - part) * gap * self.counted).requires_grad_()
                with torch.enable_grad(), attached([(tap, partial(tap.put, part=at))]):
                    value = self._value(self._logits(batch), batch, target)
                    (gradient,) = torch.autograd.grad(value, at)
                for group, product in self._products(key, gradient, gap):
                    self._add(group, product / self.steps)

    def _midpoints(self) -> list[float]:
        return [(step + 0.5) / self.steps for step in range(self.steps)]

    def _backward(
        self,
        batch: Batch,
        arrived: Callable[[Where, Tensor, Tensor], None],
        *,
        embedding: Tensor | None = None,
        target: Tensor | None = None,
    ) -> None:
        """One forward and backward; no gradient is stored, each is handed on as it arrives.

        Args:
            batch: the clean rows.
            arrived: gets (layer, site), the activation and its gradient.
            embedding: put in place of the clean embeddings.
            target: the clean run's log probabilities, for KL.
        """

        def leaf(whole: Tensor) -> Tensor:  # the graph starts here: no weight gets a gradient
            return (whole if embedding is None else embedding).detach().requires_grad_()

        def watch(key: Where, whole: Tensor) -> None:
            select = self.taps[key].select
            x = select(whole.detach())  # a hook that held `whole` itself would never be freed
            whole.register_hook(lambda gradient: arrived(key, x, select(gradient)))

        watches: list[tuple[Tap, Watch]] = [(self.start, leaf)]
        watches += [(tap, partial(watch, key)) for key, tap in self.taps.items()]
        with torch.enable_grad(), attached(watches):
            self._value(self._logits(batch), batch, target).backward()

    def _embeddings(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The two ends of the path of embeddings: the baseline's and the clean ones."""
        seen: list[Tensor] = []
        with torch.no_grad(), attached([(self.start, seen.append)]):
            self._logits(batch)
            if batch.partners is not None:
                self.model.logits(batch.partners, keep=1, after=self.after)
        clean = seen[0]
        if batch.partners is not None:
            return seen[1], clean
        if self.means is not None:
            return clean.mean(dim=(0, 1), keepdim=True).expand_as(clean), clean
        return torch.zeros_like(clean), clean

    def _target(self, batch: Batch) -> Tensor | None:
        if self.metric is not NEGATIVE_KL:
            return None
        with torch.no_grad():
            return self._logits(batch).float().log_softmax(-1)

    def _value(self, logits: Tensor, batch: Batch, target: Tensor | None) -> Tensor:
        if target is not None:
            return minus_kl(logits, target)
        return self.metric.of(logits, batch).sum()

    def _products(
        self, key: Where, gradient: Tensor, gap: Tensor
    ) -> list[tuple[Group, Float[Tensor, "rows pos nodes"]]]:
        """Gradient times gap, summed over each node's channels, 0 where nothing is replaced."""
        product = (gradient * gap).mul_(self.counted)
        products = []
        for group in self.groups[key]:
            whole = group.unit == 1
            summed = product if whole else product.unflatten(-1, (group.count, -1)).sum(-1)
            products.append((group, summed))
        return products

    def _add(self, group: Group, product: Tensor) -> None:
        self.pending[group] = self.pending[group] + product if group in self.pending else product

    def _total(self, group: Group, product: Float[Tensor, "rows pos nodes"]) -> None:
        if self.aggregate == "position":
            total = product.abs().sum(dim=(0, 1))
        elif self.aggregate == "example":
            total = product.sum(dim=1).abs().sum(dim=0)
        else:
            total = product.sum(dim=(0, 1))
        total = total.float().cpu()
        self.totals[group] = self.totals[group] + total if group in self.totals else total


def _gap(key: Where, x: Tensor, baseline: Activations | None) -> Tensor:
    return x if baseline is None else x - baseline[key].to(x)
