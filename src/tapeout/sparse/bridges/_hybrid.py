"""Runs that start in one model and end in another: streams that enter before any sublayer.

All of them go through the model as one batch that grows on its way: rows that enter before a
sublayer are run from there on only, so nothing is computed whose result is thrown away.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ...errors import ModelError
from ...models import Model, Tap, Tokens, Watch, attached, layers_of

Stream = Float[Tensor, "rows pos width"]


@dataclass(frozen=True)
class Entering:
    """Streams that take the place of the model's own from a sublayer on.

    Attributes:
        place: the sublayer: 0 is the first attention, 1 the first MLP, 2 the second attention.
        rows: which rows of the batch they are for.
        stream: what the model's own is replaced by.
    """

    place: int
    rows: Tensor | slice
    stream: Stream


@dataclass(frozen=True)
class Passed:
    """What a run gives.

    Attributes:
        logits: of the batch's own rows, if they ran, then of those that entered, by place.
        streams: before every sublayer, of the batch's own rows; each [batch, pos, width].
    """

    logits: Float[Tensor, "rows pos vocab"]
    streams: list[Tensor]


class Sublayers:
    """The sublayers of a model, numbered as they run: attention, MLP, attention and so on.

    Raises:
        ModelError: a sublayer was cut out, or attention and MLP run side by side.
    """

    def __init__(self, model: Model) -> None:
        family = model.anatomy.family
        if getattr(model.hf.config, "use_parallel_residual", False):
            raise ModelError(
                f"in {model.name} attention and MLP of a layer read the same stream, so that there "
                "is no place between them: bridges need a model whose sublayers follow each other"
            )
        self.model = model
        self.layers = layers_of(model.hf, family)
        self.reads: list[Tap] = []
        for index, layer in enumerate(self.layers):
            block = (model.tap(index, "attn.resid_delta"), model.tap(index, "mlp.act_in"))[1]
            norm = family.mlp.norm
            self.reads.append(Tap(layer.get_submodule(norm), "in") if norm else block)

    def __len__(self) -> int:
        return 2 * len(self.layers)

    @property
    def width(self) -> int:
        """Channels of the stream."""
        return self.model.shape.width(0, "attn.resid_delta")

    def run(
        self,
        ids: Int[Tensor, "batch pos"],
        entering: Sequence[Entering] = (),
        *,
        own: bool = True,
    ) -> Passed:
        """Run a batch, and beside it rows whose stream is another model's up to some sublayer.

        Gradients reach the streams, also through frozen weights.

        Args:
            ids: windows of text, without padding.
            entering: in the order of their places.
            own: whether the batch itself runs; without it something must enter at place 0.
        """
        parts = [ids] if own else []
        run = _Growing(self, entering, len(ids) if own else 0)
        tokens = Tokens(torch.cat([*parts, *(ids[some.rows] for some in entering)]))
        run.total = len(tokens)
        with run.hooked():
            return Passed(self.model.logits(tokens), run.streams)


class _Growing:
    """One run whose batch grows."""

    def __init__(self, sublayers: Sublayers, entering: Sequence[Entering], own: int) -> None:
        self.sublayers, self.own, self.now, self.reading, self.total = sublayers, own, own, own, 0
        self.entering = {some.place: some.stream for some in entering}
        self.streams: list[Tensor] = []

    @contextmanager
    def hooked(self) -> Iterator[None]:
        model, watches = self.sublayers.model, list[tuple[Tap, Watch]]()
        family = model.anatomy.family
        with ExitStack() as stack:
            for index, layer in enumerate(self.sublayers.layers):
                watches.append((Tap(layer, "in"), partial(self._before_layer, index)))
                cut = model.tap(index, "attn.act_in").module
                handle = cut.register_forward_pre_hook(self._before_attention, with_kwargs=True)
                stack.callback(handle.remove)
                watches.append((model.tap(index, "attn.resid_delta"), self._behind_attention))
                if family.stream and list(layer.get_submodule(family.stream[0]).children()):
                    between = Tap(layer.get_submodule(family.stream[0]), "out")
                    watches.append((between, partial(self._between, index)))
                watches.append((self.sublayers.reads[index], self._before_mlp))
            with attached(watches):
                yield

    def _before_layer(self, index: int, stream: Tensor) -> Tensor:
        """Rows that enter before this layer's MLP come along, past its attention."""
        stream = _head(stream, self.now)  # rows that enter later were embedded as well
        self._see(stream)
        here, later = (self.entering.get(2 * index + part) for part in (0, 1))
        self.reading = self.now + (0 if here is None else len(here))
        grown = [part.to(stream.dtype) for part in (here, later) if part is not None]
        stream = torch.cat([stream, *grown]) if grown else stream
        self.now = len(stream)
        return stream

    def _before_attention(
        self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        first = partial(_first, of=(self.total, self.now), keep=self.reading)
        return tuple(map(first, args)), {name: first(value) for name, value in kwargs.items()}

    def _behind_attention(self, written: Tensor) -> Tensor | None:
        more = self.now - self.reading
        return F.pad(written, (0, 0, 0, 0, 0, more)) if more else None

    def _between(self, index: int, stream: Tensor) -> Tensor | None:
        """What enters here has been through the activation of its own model's stream."""
        later = self.entering.get(2 * index + 1)
        if later is None:
            return None
        return torch.cat([stream[: self.reading], later.to(stream.dtype)])

    def _before_mlp(self, stream: Tensor) -> None:
        self._see(stream)

    def _see(self, stream: Tensor) -> None:
        if self.own:
            self.streams.append(_head(stream, self.own))


def _first(value: Any, *, of: tuple[int, int], keep: int) -> Any:
    """The first rows of whatever has one entry per row of the batch, such as masks."""
    if isinstance(value, tuple):
        return tuple(_first(part, of=of, keep=keep) for part in value)
    if isinstance(value, Tensor) and value.dim() > 1 and len(value) in of:
        return _head(value, keep)
    return value


def _head(whole: Tensor, rows: int) -> Tensor:
    """The first rows; what is whole already is not copied backwards."""
    return whole if len(whole) == rows else whole[:rows]


def paired(dense: Model, sparse: Model) -> tuple[Sublayers, Sublayers]:
    """The sublayers of two models that bridges can lie between.

    Raises:
        ModelError: they have different tokenizers, vocabularies or numbers of layers.
    """
    one, two = _vocabulary(dense), _vocabulary(sparse)
    if one is not None and two is not None and one != two:
        raise ModelError(
            f"{dense.name} and {sparse.name} have different tokenizers: train the sparse model "
            "with the dense one's"
        )
    sizes = [model.hf.config.vocab_size for model in (dense, sparse)]
    if sizes[0] != sizes[1]:
        raise ModelError(
            f"{dense.name} has {sizes[0]:,} tokens and {sparse.name} {sizes[1]:,}: give both as "
            "many"
        )
    found = Sublayers(dense), Sublayers(sparse)
    if len(found[0]) != len(found[1]):
        layers = [len(some) // 2 for some in found]
        raise ModelError(
            f"{dense.name} has {layers[0]} layers and {sparse.name} {layers[1]}: bridges join "
            "sublayer to sublayer, so give both as many"
        )
    return found


def _vocabulary(model: Model) -> dict[str, int] | None:
    """Ids by token; None for a model in memory without a tokenizer."""
    try:
        return model.tokenizer.get_vocab()
    except ModelError:
        return None
