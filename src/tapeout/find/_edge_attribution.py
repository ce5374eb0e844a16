"""Edge attribution patching: a first-order estimate of what patching each edge would cost."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..circuits import EdgeScores, Reader
from ..interventions import Wiring, Writes, edges_of, writes
from ..models import Model, Prefix, Tap, Watch, attached
from ..tasks import Batch, Metric, Split
from ._metric import resolve

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class EdgeAttribution:
    """How edges are scored: gradient at the reader's input x (write - counterfactual write).

    Attributes:
        integrate: `none` takes the gradient at the clean run (EAP, Syed et al. 2023); `inputs`
            averages it along the straight path from the counterfactual's embeddings to the clean
            ones (EAP-IG, Hanna et al. 2024); `ends` averages the clean and the counterfactual run
            (clean-corrupted, same paper).
        steps: points on the path (midpoints of equal parts).
        batch_size: examples per forward.
    """

    integrate: Literal["none", "inputs", "ends"] = "none"
    steps: int = 5
    batch_size: int = 16


def edge_attribution(
    model: Model,
    split: Split,
    *,
    metric: Metric | str | None = None,
    config: EdgeAttribution | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> EdgeScores:
    """Score every edge by what the metric would lose with it, to first order.

    A score is signed: summed over positions, averaged over examples. Streams over batches; memory
    is that of one batch's writes, [writers, rows, pos, d_model].

    Args:
        model: the model; it is not changed.
        split: the examples, as a rule `task.train`; each needs a counterfactual.
        metric: a task's metric or its name; by default the logit difference where every example
            has a foil, else the log likelihood.
        config: how; or its fields as keyword arguments.
        progress: called with the examples done and all of them.

    Raises:
        TaskError: an example lacks a counterfactual, or the metric does not fit.
        CircuitError: the family has no edges of heads, or a score is not finite.
    """
    config = config or EdgeAttribution(**options)
    universe = edges_of(model)
    run = _Run(Wiring(model, universe), resolve(metric, split), config)
    done = 0
    with model.frozen():
        for batch in split.batches(config.batch_size, partner="counterfactual"):
            run.add(batch)
            done += len(batch)
            if progress is not None:
                progress(done, len(split))
    origin = {
        "method": "edge attribution",
        "config": asdict(config),
        "split": split.name,
        "n": done,
        "metric": {"name": run.metric.name, "definition": run.metric.definition},
    }
    values = universe.of_table(run.table / done).float().cpu()
    return EdgeScores(universe, values, model.fingerprint, origin)


class _Run:
    """Sums of scores over batches, as a table of writers by readers."""

    def __init__(self, wiring: Wiring, metric: Metric, config: EdgeAttribution) -> None:
        self.wiring, self.metric, self.config = wiring, metric, config
        universe = wiring.universe
        shape = len(universe.writers), universe.n_readers
        self.table = torch.zeros(shape, device=wiring.model.device)
        self.streams: dict[int, Tensor] = {}
        self.gap = torch.empty(0)
        self.weight = 1.0

    def add(self, batch: Batch) -> None:
        """Score one batch."""
        model = self.wiring.model
        assert batch.partners is not None
        after = model.read(batch.tokens, batch.shared)
        clean = writes(self.wiring, batch.tokens, after=after)
        other = writes(self.wiring, batch.partners, after=after)
        self.gap = clean - other
        points = self._points(clean[0], other[0])
        self.weight = 1 / len(points)
        for point in points:
            self._backward(batch, point, after)
        self.streams.clear()

    def _points(self, clean: Tensor, other: Tensor) -> list[Tensor]:
        """The embeddings at which gradients are taken."""
        if self.config.integrate == "none":
            return [clean]
        if self.config.integrate == "ends":
            return [other, clean]
        parts = [(step + 0.5) / self.config.steps for step in range(self.config.steps)]
        return [other + part * (clean - other) for part in parts]

    def _backward(self, batch: Batch, embedding: Tensor, after: Prefix | None) -> None:
        def leaf(whole: Tensor) -> Tensor:
            return embedding.detach().requires_grad_()

        watches: list[tuple[Tap, Watch]] = [(self.wiring.embed, leaf)]
        with torch.enable_grad(), attached(watches + self._reading()):
            model = self.wiring.model
            logits = model.logits(batch.tokens, keep=batch.answer_length, after=after)
            self.metric.of(logits, batch).sum().backward()

    def _reading(self) -> list[tuple[Tap, Watch]]:
        wiring, watches = self.wiring, []
        for reader in wiring.universe.readers:
            if reader.kind in ("q", "k", "v"):
                if reader.kind == "q":
                    norm = Tap(wiring.norms[reader.layer, "attn"], "in")
                    watches.append((norm, partial(self._see, reader.layer)))
                tap = wiring.model.tap(reader.layer, f"attn.{reader.kind}")
                watches.append((tap, partial(self._watch_heads, reader, tap)))
            else:
                logits = reader.kind == "logits"
                norm = wiring.final_norm if logits else wiring.norms[reader.layer, "mlp"]
                watches.append((Tap(norm, "in"), partial(self._watch_one, reader)))
        return watches

    def _see(self, layer: int, stream: Tensor) -> None:
        self.streams[layer] = stream.detach()

    def _watch_one(self, reader: Reader, stream: Tensor) -> Tensor:
        own = stream.view_as(stream)  # its gradient is that of this reader alone
        own.register_hook(lambda gradient: self._arrived(reader, gradient[None]))
        return own

    def _watch_heads(self, reader: Reader, tap: Tap, whole: Tensor) -> None:
        def arrived(gradient: Tensor) -> None:
            norm = self.wiring.norms[reader.layer, "attn"]
            rows, _ = self.wiring.rows[reader.layer, reader.kind]
            by_head = tap.select(gradient).unflatten(-1, (reader.count, -1))
            read = torch.einsum("bphk,hkd->hbpd", by_head, rows)
            self._arrived(reader, _through(norm, self.streams[reader.layer], read))

        whole.register_hook(arrived)

    def _arrived(self, reader: Reader, gradient: Float[Tensor, "readers rows pos d_model"]) -> None:
        gap: Writes = self.gap[: reader.upstream]
        scores = gap.flatten(1) @ gradient.flatten(1).T
        self.table[: reader.upstream, reader.numbers] += self.weight * scores


def _through(norm: nn.Module, stream: Tensor, gradient: Tensor) -> Tensor:
    """The gradient before a norm from those behind it, one for each reader."""
    with torch.enable_grad():
        seen = stream.expand(len(gradient), *stream.shape).detach().requires_grad_()
        (before,) = torch.autograd.grad(norm.forward(seen), seen, gradient)
    return before
