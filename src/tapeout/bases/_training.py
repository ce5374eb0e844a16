"""What all bases share: a small Llama, its training, and how that goes on after a kill."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from ..checkpoint import resume_training, save_training, train
from ..errors import ModelError
from ..models import Model
from ._optimizers import Optimizers

IGNORED = -100
"""What PyTorch's cross entropy leaves out."""

Progress = Callable[[int, int], None]
"""Called with the steps done and all of them."""

Part = tuple[Int[Tensor, "rows pos"], Int[Tensor, "rows pos"]]
"""Tokens, and at each position the next one where it is learned, else `IGNORED`."""


@dataclass(frozen=True, kw_only=True)
class BaseConfig:
    """Sizes and training of a base. Its quality is set by `steps`, not by time.

    Attributes:
        steps, batch_size: how many updates, of how many questions.
        seed: of first weights and of what is asked when.
        layers, d_model, heads, d_mlp: sizes; `d_mlp` is the MLP channels of each layer.
        muon_rate, adam_rate: learning rates of matrices, and of embedding, head and norms.
        warm_up: steps over which both grow from 0; from half of all steps on both fall to 0.
        precision: in which products are computed; weights and optimisers are in float32.
        save_every: steps between checkpoints.

    Raises:
        ModelError: a size is not positive, or `d_model` does not divide into so many heads.
    """

    steps: int
    batch_size: int
    layers: int
    d_model: int
    heads: int
    d_mlp: int
    muon_rate: float
    adam_rate: float
    seed: int = 0
    warm_up: int = 30
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    save_every: int = 100

    def __post_init__(self) -> None:
        sizes = ("steps", "batch_size", "layers", "d_model", "heads", "d_mlp", "save_every")
        for name in sizes:
            if getattr(self, name) < 1:
                raise ModelError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.d_model % (2 * self.heads):
            raise ModelError(
                f"every head needs an even part of d_model, but {self.d_model} does not divide "
                f"into {self.heads} such parts: change d_model or heads"
            )


class BaseTraining(ABC):
    """A base in training: a Llama, by Muon and AdamW.

    Args:
        config: how.
        tokenizer: the model's.
        end: the token that ends a text.
        kv_heads: key and value heads; as many as query heads by default.
        positions: the longest text.

    Attributes:
        hf: the model.
        name: for errors, and of the finished model.
        draws: what is random in the choice of batches, if it is to go on after a kill.
        losses: of every step, in nats a token.
    """

    name: str

    def __init__(
        self,
        config: BaseConfig,
        tokenizer: Any,
        *,
        end: int,
        kv_heads: int | None = None,
        positions: int = 256,
    ) -> None:
        self.config, self.tokenizer = config, tokenizer
        sizes = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.d_model,
            intermediate_size=config.d_mlp,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=kv_heads or config.heads,
            max_position_embeddings=positions,
            tie_word_embeddings=False,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=end,
            pad_token_id=tokenizer.pad_token_id,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.hf = LlamaForCausalLM(sizes).train()
        self.optimizers = Optimizers(self.hf, config.muon_rate, config.adam_rate)
        self.draws = torch.Generator().manual_seed(config.seed)
        self.losses: list[float] = []
        self.step = 0

    @abstractmethod
    def batch(self) -> list[Part]:
        """The questions of the step `self.step`, in parts that go through the model in turn."""

    def update(self) -> float:
        """One step on one batch; its loss in nats a token.

        Raises:
            ModelError: the loss is not finite.
        """
        parts = self.batch()
        counts = [int((labels != IGNORED).sum()) for _, labels in parts]
        value = 0.0
        for part, count in zip(parts, counts, strict=True):
            loss = self._loss(*part) * (count / sum(counts))
            value += loss.item()
            loss.backward()
        if not math.isfinite(value):
            raise ModelError(
                f"the {self.name}'s loss is {value} at step {self.step}: lower its learning rates"
            )
        self.optimizers.update(self._rate())
        self.losses.append(value)
        self.step += 1
        return value

    def finished(
        self, *, checkpoint: Path | None = None, progress: Progress | None = None
    ) -> Model:
        """The trained model.

        Args:
            checkpoint: a file to go on from and to save to, as the training goes.
            progress: called with the steps done and all of them.

        Raises:
            ModelError: the loss is no longer finite.
            RunError: the checkpoint is damaged, or of another training.
        """
        train(
            self,
            self.config.steps,
            checkpoint=checkpoint,
            save_every=self.config.save_every,
            progress=progress,
        )
        return Model(self.hf.eval(), self.tokenizer, name=self.name)

    def _loss(self, ids: Tensor, labels: Tensor) -> Tensor:
        with torch.enable_grad(), self.half():
            logits = self.hf(input_ids=ids, use_cache=False).logits
        return cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED)

    def half(self) -> torch.autocast:
        """A context in which products are computed as the config says."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.config.precision == "bfloat16")

    def _rate(self) -> float:
        """The part of the learning rates: a warm-up, flat, and down from half of all steps on."""
        config = self.config
        left = 2 * (config.steps - self.step) / config.steps
        return min((self.step + 1) / max(config.warm_up, 1), left, 1.0)

    def save(self, path: Path) -> None:
        """Write all that the training needs to go on."""
        plain = {"step": self.step, "losses": self.losses}
        save_training(path, self._tensors(), plain, self.optimizers.adam, marks=asdict(self.config))

    def resume(self, path: Path) -> None:
        """Go on from `save`.

        Raises:
            RunError: the file is damaged, or of another training.
        """
        own = self._tensors()
        plain = resume_training(path, own, self.optimizers.adam, marks=asdict(self.config))
        self.draws.set_state(own["draws"])
        self.step, self.losses = plain["step"], plain["losses"]

    def _tensors(self) -> dict[str, Tensor]:
        weights = {f"weights.{name}": p for name, p in self.hf.named_parameters()}
        return weights | self.optimizers.momenta | {"draws": self.draws.get_state()}
