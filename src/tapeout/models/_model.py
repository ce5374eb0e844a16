"""The handle on a model: the untouched Hugging Face module, its tokenizer, its sites."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import ModelError
from ._anatomy import Anatomy, dissect
from ._one_token import one_token
from ._prefix import Prefix
from ._quiet import quiet
from ._shape import ModelShape
from ._sites import Site
from ._stem import Stem
from ._taps import Tap
from ._tokens import Tokens


@contextmanager
def _dense_head(hf: Any) -> Iterator[None]:
    """Hand the unembedding its positions as one matrix.

    Of a view of some positions PyTorch makes one small product a row, which is far slower.
    """
    head = hf.get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda module, args: (args[0].contiguous(), *args[1:]))
    try:
        yield
    finally:
        handle.remove()


def _saved_buffers(hf: nn.Module) -> dict[str, Tensor]:
    """What a checkpoint holds beside parameters, such as a table that was counted."""
    saved = hf.state_dict()
    return {name: buffer for name, buffer in hf.named_buffers() if name in saved}


@dataclass(frozen=True)
class Fingerprint:
    """What tells a model from every other: the name it was loaded by and a hash of its weights."""

    name: str
    weights: str


class Model:
    """A causal language model with named sites.

    Attributes:
        hf: the Hugging Face module. Tapeout never changes it.
        tokenizer: its tokenizer; None for a model in memory that was given without one.
        name: what it was loaded by.
    """

    def __init__(self, hf: nn.Module, tokenizer: Any = None, *, name: str | None = None) -> None:
        self.hf: Any = hf
        self._tokenizer = tokenizer
        self.name = name or type(hf).__name__
        self.anatomy: Anatomy = dissect(hf)
        self._hashed: tuple[tuple[tuple[int, int], ...], Fingerprint] | None = None

    def __repr__(self) -> str:
        size = sum(p.numel() for p in self.hf.parameters())
        layers = self.shape.n_layers
        return f"Model({self.name!r}, {self.shape.family}, {layers} layers, {size:,} parameters)"

    def sibling(self, hf: nn.Module, name: str) -> "Model":
        """A handle on another module that takes the same tokens."""
        return Model(hf, self._tokenizer, name=name)

    @property
    def shape(self) -> ModelShape:
        return self.anatomy.shape

    @property
    def device(self) -> torch.device:
        return next(self.hf.parameters()).device

    @property
    def tokenizer(self) -> Any:
        """The tokenizer.

        Raises:
            ModelError: the model was given in memory, without one.
        """
        if self._tokenizer is None:
            raise ModelError(
                f"{self.name} has no tokenizer: pass one, as in tapeout.load(model, tokenizer=...)"
            )
        return self._tokenizer

    def tap(self, layer: int, site: Site) -> Tap:
        """Where a site of a layer can be watched or replaced.

        Raises:
            ModelError: the model has no such site, for example because its block was cut out.
        """
        if (layer, site) not in self.anatomy.taps:
            raise ModelError(f"{self.name} has no {site} in layer {layer}")
        return self.anatomy.taps[layer, site]

    def logits(
        self, tokens: Tokens, *, keep: int = 0, after: Prefix | None = None
    ) -> Float[Tensor, "batch kept vocab"]:
        """Next-token logits at the last `keep` positions (0: at all that are run).

        Args:
            tokens: the batch.
            keep: how many positions to return.
            after: its first columns, read before; only those behind them are run.
        """
        tokens = tokens.to(self.device)
        inputs = {
            "input_ids": tokens.ids,
            "attention_mask": tokens.mask,
            "position_ids": tokens.position_ids,
            "use_cache": False,
        }
        attention = nullcontext()
        if after is not None:
            inputs = after.arguments(tokens)
            if after.columns == tokens.ids.shape[1] - 1:
                attention = one_token(self.hf, inputs["past_key_values"])
        with _dense_head(self.hf), attention:
            return self.hf(**inputs, logits_to_keep=keep).logits

    def read(self, tokens: Tokens, columns: int, *, stem: Stem | None = None) -> Prefix | None:
        """The first columns of a batch, for `logits(after=...)`; None if there are none.

        Args:
            tokens: the batch.
            columns: how many.
            stem: what all its rows start with, read before; it is not copied per row.
        """
        if not columns:
            return None
        with _dense_head(self.hf):
            return Prefix.read(self.hf, tokens.to(self.device), columns, stem)

    def stem(self, ids: Sequence[int]) -> Stem:
        """A beginning that many rows share, for `read(stem=...)`."""
        with _dense_head(self.hf):
            return Stem.read(self.hf, ids, self.device)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Evaluation mode without parameter gradients; all flags are as before at the end."""
        modes = [(module, module.training) for module in self.hf.modules()]
        flags = [(p, p.requires_grad) for p in self.hf.parameters()]
        try:
            for module, _ in modes:
                module.training = False
            for p, _ in flags:
                p.requires_grad_(False)
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            for p, flag in flags:
                p.requires_grad_(flag)

    @property
    def fingerprint(self) -> Fingerprint:
        """The model's name and the SHA-256 of its weights; hashed anew when they have changed."""
        tensors = {**dict(self.hf.named_parameters()), **_saved_buffers(self.hf)}
        state = tuple((p.data_ptr(), p._version) for p in tensors.values())
        if self._hashed is None or self._hashed[0] != state:
            digest = hashlib.sha256()
            for name, p in sorted(tensors.items()):
                digest.update(f"{name} {p.dtype} {tuple(p.shape)}".encode())
                digest.update(
                    p.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
                )
            self._hashed = state, Fingerprint(self.name, digest.hexdigest()[:32])
        return self._hashed[1]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write weights, config and tokenizer; `tapeout.load(folder)` opens it again.

        A model that extraction has cut, or that is of Tapeout's own architecture, also carries the
        files that let transformers open it where Tapeout is not installed.

        Raises:
            ModelError: the folder cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with quiet():
                self.hf.save_pretrained(folder)
            if self._tokenizer is not None:
                self._tokenizer.save_pretrained(folder)
            for name in getattr(self.hf, "FILES", ()):
                shutil.copy(Path(__file__).with_name(name), folder)
        except OSError as error:
            raise ModelError(f"cannot write the model to {folder}: {error}") from error
