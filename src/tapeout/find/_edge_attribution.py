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
            ones (EAP-IG, Hanna et al. 2024); `activations` along that of the writer's own block,
            all heads of an attention block together (EAP-IG activations, Mueller et al. 2025), at
            the cost of `inputs` times the number of blocks; `ends` averages the clean and the
            counterfactual run (clean-corrupted, Hanna et al. 2024).
        steps: points on the path (midpoints of equal parts).
        pool: with `activations`, average every edge over the runs of all blocks, as EAP-IG's
            published code does, and not over those of its own writer's alone.
        batch_size: examples per forward, ...
        tokens_at_once: ... but no more tokens, since memory grows with them.
    """

    integrate: Literal["none", "inputs", "activations", "ends"] = "none"
    steps: int = 5
    pool: bool = False
    batch_size: int = 16
    tokens_at_once: int = 512


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
    is that of one forward's writes, [writers, rows, pos, d_model].

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
            for part in batch.parts(config.tokens_at_once):
                run.add(part)
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
        self.scored = slice(0, len(universe.writers))
        self.weight = 1.0

    def add(self, batch: Batch) -> None:
        """Score one batch."""
        assert batch.partners is not None
        after = self.wiring.model.read(batch.tokens, batch.shared)
        other = writes(self.wiring, batch.partners, after=after)
        how = self.config.integrate
        if how in ("none", "ends"):
            self.weight = 0.5 if how == "ends" else 1.0
            self._at_clean(batch, other, after)
            if how == "ends":
                self._backward(batch, [(self.wiring.embed, _leaf(other[0]))], after)
        else:
            self.gap = writes(self.wiring, batch.tokens, after=after) - other
            along = self._along_inputs if how == "inputs" else self._along_activations
            along(batch, other, after)
        self.streams.clear()
        self.gap = torch.empty(0)

    def _at_clean(self, batch: Batch, other: Writes, after: Prefix | None) -> None:
        """The run that is differentiated also tells what is written in it."""
        wrote: list[Tensor] = []
        writing = self.wiring.writing(lambda write: wrote.append(write.detach()))

        def complete() -> None:
            self.gap = torch.cat(wrote) - other

        self._backward(batch, [(self.wiring.embed, _leaf()), *writing], after, complete)

    def _along_inputs(self, batch: Batch, other: Writes, after: Prefix | None) -> None:
        self.weight = 1 / self.config.steps
        for part in self._midpoints():
            at = other[0] + part * self.gap[0]
            self._backward(batch, [(self.wiring.embed, _leaf(at))], after)

    def _along_activations(self, batch: Batch, other: Writes, after: Prefix | None) -> None:
        blocks, everything, pool = self._blocks(), self.scored, self.config.pool
        self.weight = 1 / (self.config.steps * (len(blocks) if pool else 1))
        for tap, rows in blocks:
            self.scored = everything if pool else rows
            gap = self.gap[rows].sum(dim=0)
            for part in self._midpoints():
                start: list[tuple[Tap, Watch]] = [(tap, partial(_moved, by=(part - 1) * gap))]
                if pool and rows.start:  # what lies before the block is scored too
                    start.insert(0, (self.wiring.embed, _leaf()))
                self._backward(batch, start, after)
        self.scored = everything

    def _blocks(self) -> list[tuple[Tap, slice]]:
        """The embedding, every attention block and every MLP, with the writers they hold."""
        model, blocks = self.wiring.model, [(self.wiring.embed, slice(0, 1))]
        for layer in range(model.shape.n_layers):
            sizes = {
                "attn.resid_delta": model.shape.heads(layer),
                "mlp.resid_delta": int(model.shape.width(layer, "mlp.resid_delta") > 0),
            }
            for site, count in sizes.items():
                start = blocks[-1][1].stop
                if count:
                    blocks.append((model.tap(layer, site), slice(start, start + count)))
        return blocks

    def _midpoints(self) -> list[float]:
        return [(step + 0.5) / self.config.steps for step in range(self.config.steps)]

    def _backward(
        self,
        batch: Batch,
        start: list[tuple[Tap, Watch]],
        after: Prefix | None,
        complete: Callable[[], None] | None = None,
    ) -> None:
        """One forward and backward; scores are formed as gradients arrive.

        Args:
            batch: the clean rows.
            start: watches that say where the graph starts.
            after: the columns that the batch shares with its partners.
            complete: called in between.
        """
        with torch.enable_grad(), attached(start + self._reading()):
            model = self.wiring.model
            logits = model.logits(batch.tokens, keep=batch.answer_length, after=after)
            value = self.metric.of(logits, batch).sum()
            if complete is not None:
                complete()
            value.backward()

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
        if not stream.requires_grad:  # it reads before the graph starts
            return stream
        own = stream.view_as(stream)  # its gradient is that of this reader alone
        own.register_hook(lambda gradient: self._arrived(reader, gradient[None]))
        return own

    def _watch_heads(self, reader: Reader, tap: Tap, whole: Tensor) -> None:
        if whole.requires_grad:
            whole.register_hook(partial(self._heads_arrived, reader, tap))

    def _heads_arrived(self, reader: Reader, tap: Tap, gradient: Tensor) -> None:
        norm = self.wiring.norms[reader.layer, "attn"]
        rows, _ = self.wiring.rows[reader.layer, reader.kind]
        by_head = tap.select(gradient).unflatten(-1, (reader.count, -1))
        read = torch.einsum("bphk,hkd->hbpd", by_head, rows)
        self._arrived(reader, _through(norm, self.streams[reader.layer], read))

    def _arrived(self, reader: Reader, gradient: Float[Tensor, "readers rows pos d_model"]) -> None:
        rows = slice(self.scored.start, min(self.scored.stop, reader.upstream))
        if rows.start < rows.stop:
            scores = self.gap[rows].flatten(1) @ gradient.flatten(1).T
            self.table[rows, reader.numbers] += self.weight * scores


def _leaf(value: Tensor | None = None) -> Watch:
    """Starts the graph at a module's output, or at `value` in its place."""
    return lambda whole: (whole if value is None else value).detach().requires_grad_()


def _moved(whole: Tensor, by: Tensor) -> Tensor:
    """Starts the graph at a block's write on its way from the counterfactual's."""
    return (whole + by).detach().requires_grad_()


def _through(norm: nn.Module, stream: Tensor, gradient: Tensor) -> Tensor:
    """The gradient before a norm from those behind it, one for each reader."""
    with torch.enable_grad():
        seen = stream.expand(len(gradient), *stream.shape).detach().requires_grad_()
        (before,) = torch.autograd.grad(norm.forward(seen), seen, gradient)
    return before
