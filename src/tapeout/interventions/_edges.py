"""Running a model with some edges patched: each reader sees its own mixture of writes.

The residual stream is the sum of what writers put there, so a reader's input under patched edges
is the stream less, for every patched edge, what its writer writes now over what it writes in the
other run. The stream itself stays as it is; only what norms and projections read is changed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from ..circuits import EdgeCircuit, EdgeUniverse, Reader
from ..models import (
    Model,
    Prefix,
    Tap,
    Tokens,
    Watch,
    attached,
    layers_of,
    read_linear,
    read_qkv,
)

Writes = Float[Tensor, "writers rows pos d_model"]
"""What every writer adds to the residual stream."""

Wrote = Callable[[Tensor], None]


def edges_of(model: Model) -> EdgeUniverse:
    """All edges of a model.

    Raises:
        CircuitError: a norm or AbsTopK follows what its heads write.
    """
    parallel = bool(getattr(model.hf.config, "use_parallel_residual", False))
    return EdgeUniverse(model.shape, parallel)


class Wiring:
    """Where writers write and readers read in one model, with the matrices of every head."""

    def __init__(self, model: Model, universe: EdgeUniverse) -> None:
        family, shape = model.anatomy.family, model.shape
        self.model, self.universe = model, universe
        self.layers = layers_of(model.hf, family)
        self.final_norm = model.hf.get_submodule(family.final_norm)
        self.embed = Tap(model.hf.get_submodule(family.embed), "out")
        self.norms: dict[tuple[int, str], nn.Module] = {}
        self.rows: dict[tuple[int, str], tuple[Tensor, Tensor | None]] = {}
        self.columns: dict[int, Tensor] = {}
        for index, block in enumerate(self.layers):
            if shape.width(index, "attn.z"):
                self.norms[index, "attn"] = block.get_submodule(str(family.attn.norm))
                taps = [model.tap(index, f"attn.{kind}") for kind in "qkv"]
                for kind, linear in zip("qkv", read_qkv(block, family, taps), strict=True):
                    heads = linear.weight.unflatten(0, (-1, shape.head_dim))
                    self.rows[index, kind] = heads, linear.bias
                out = read_linear(block.get_submodule(family.out)).weight
                self.columns[index] = out.unflatten(1, (-1, shape.head_dim)).permute(1, 2, 0)
            if shape.width(index, "mlp.resid_delta"):
                self.norms[index, "mlp"] = block.get_submodule(str(family.mlp.norm))

    def writing(self, wrote: Wrote) -> list[tuple[Tap, Watch]]:
        """Watches that call `wrote` with [writers, rows, pos, d_model], in the writers' order."""

        whole = partial(_wrote_whole, wrote)
        watches: list[tuple[Tap, Watch]] = [(self.embed, whole)]
        for layer in range(len(self.layers)):
            if (layer, "attn") in self.norms:
                heads = partial(self._wrote_heads, wrote, layer)
                watches.append((self.model.tap(layer, "attn.z"), heads))
            if (layer, "mlp") in self.norms:
                watches.append((self.model.tap(layer, "mlp.resid_delta"), whole))
        return watches

    def _wrote_heads(self, wrote: Wrote, layer: int, z: Tensor) -> None:
        by_head = z.unflatten(-1, (-1, self.model.shape.head_dim))
        wrote(torch.einsum("bphk,hkd->hbpd", by_head, self.columns[layer]))

    def project(
        self, reader: Reader, inputs: Float[Tensor, "heads rows pos d_model"]
    ) -> Float[Tensor, "rows pos width"]:
        """Queries, keys or values of a layer whose heads each read their own stream."""
        rows, bias = self.rows[reader.layer, reader.kind]
        normed = self.norms[reader.layer, "attn"].forward(inputs)
        out = torch.einsum("hbpd,hkd->bphk", normed, rows).flatten(2)
        return out if bias is None else out + bias


def _wrote_whole(wrote: Wrote, x: Tensor) -> None:
    wrote(x[None])


def writes(wiring: Wiring, tokens: Tokens, *, after: Prefix | None = None) -> Writes:
    """What every writer writes in a run of `tokens`, behind the columns of `after` if given."""
    found: list[Tensor] = []
    with torch.no_grad(), attached(wiring.writing(found.append)):
        wiring.model.logits(tokens, keep=1, after=after)
    return torch.cat(found)


@contextmanager
def restrict_edges(
    wiring: Wiring,
    edges: EdgeCircuit | Shaped[Tensor, " edges"],
    other: Writes,
    *,
    transfer: bool = False,
) -> Iterator[None]:
    """Inside the block, readers see what `other` holds along every edge that is not kept.

    Args:
        wiring: of the model.
        edges: a circuit, or a gate for every edge; gates that require gradients get them.
        other: the writes of the run that is patched in, for the same rows and positions.
        transfer: allow a circuit that was found in other weights of the same shape.

    Raises:
        CircuitError: the circuit does not fit the model.
    """
    if isinstance(edges, EdgeCircuit):
        edges.check(wiring.model, transfer=transfer)
        edges = edges.kept
    run = _Patched(wiring, 1 - wiring.universe.table(edges.to(other)), other)
    with attached(run.watches()):
        yield


class _Patched:
    """One run with patched edges."""

    def __init__(self, wiring: Wiring, closed: Tensor, other: Writes) -> None:
        self.wiring, self.closed, self.other = wiring, closed, other
        self.gaps: list[Tensor] = []
        self.stream = torch.empty(0)

    def watches(self) -> list[tuple[Tap, Watch]]:
        """Hooks in the order in which they must run where two share a module."""
        wiring = self.wiring
        watches = [(Tap(wiring.embed.module, "out"), self._begin)]
        watches += wiring.writing(self._wrote)
        for reader in wiring.universe.readers:
            if reader.kind == "logits":
                watches.append((Tap(wiring.final_norm, "in"), partial(self._one, reader)))
            elif reader.kind == "mlp":
                norm = wiring.norms[reader.layer, "mlp"]
                watches.append((Tap(norm, "in"), partial(self._one, reader)))
            else:
                if reader.kind == "q":
                    watches.append((Tap(wiring.norms[reader.layer, "attn"], "in"), self._see))
                tap = wiring.model.tap(reader.layer, f"attn.{reader.kind}")
                watches.append((tap, partial(self._heads, reader, tap)))
        return watches

    def _begin(self, x: Tensor) -> None:
        self.gaps.clear()

    def _wrote(self, now: Tensor) -> None:
        start = sum(len(gap) for gap in self.gaps)
        self.gaps.append(now - self.other[start : start + len(now)])

    def _see(self, stream: Tensor) -> None:
        self.stream = stream

    def _one(self, reader: Reader, stream: Tensor) -> Tensor:
        return self._mixed(reader, stream)[0]

    def _heads(self, reader: Reader, tap: Tap, whole: Tensor) -> Tensor:
        return tap.put(whole, self.wiring.project(reader, self._mixed(reader, self.stream)))

    def _mixed(self, reader: Reader, stream: Tensor) -> Float[Tensor, "readers rows pos d_model"]:
        """The stream as each of the readers sees it."""
        mixed, start = stream.expand(reader.count, *stream.shape), 0
        for gap in self.gaps:
            if start >= reader.upstream:
                break
            gap = gap[: reader.upstream - start]
            closed = self.closed[start : start + len(gap), reader.numbers]
            mixed = mixed - torch.einsum("wr,wbpd->rbpd", closed, gap)
            start += len(gap)
        return mixed
