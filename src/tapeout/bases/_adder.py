"""The adder: a small model of characters that knows addition and five other tasks."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from ..checkpoint import load_training, restore, save_training, train
from ..errors import ModelError, RunError
from ..models import Model
from ._optimizers import Optimizers
from ._questions import IGNORED, questions
from ._tokenizer import character_tokenizer

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class AdderConfig:
    """The adder's sizes and training. Its quality is set by `steps`, not by time.

    Attributes:
        steps, batch_size: how many updates, of how many questions.
        seed: of first weights and of what is asked when.
        layers, d_model, heads, d_mlp: sizes; `d_mlp` is the MLP channels of each layer.
        addition: the part of all questions that are additions; the other tasks share the rest.
        muon_rate, adam_rate: learning rates of matrices, and of embedding, head and norms.
        warm_up: steps over which both grow from 0; from half of all steps on both fall to 0.
        precision: in which products are computed; weights and optimisers are in float32.
        save_every: steps between checkpoints.

    Raises:
        ModelError: a size is not positive, or `d_model` does not divide into so many heads.
    """

    steps: int = 340
    batch_size: int = 256
    seed: int = 0
    layers: int = 3
    d_model: int = 64
    heads: int = 4
    d_mlp: int = 512
    addition: float = 0.4
    muon_rate: float = 0.02
    adam_rate: float = 4e-3
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
        if not 0 < self.addition < 1:
            raise ModelError(f"addition must lie between 0 and 1, not at {self.addition}")


def adder(
    config: AdderConfig | None = None,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Model:
    """Train the adder from scratch, on one CPU thread in a minute or two.

    It is a Llama with `character_tokenizer` and learns the default forms of `OPERATIONS`: numbers
    of up to two digits, texts of up to four. It is trained on what is not held out (see
    `tasks.is_held_out`): build its tasks with `held_out=True`, and their validation and test
    questions are new to it. The loss is that of the answer and its end.

    The same config gives the same weights bit for bit, also when a training was interrupted, on
    the same machine with as many threads.

    Args:
        config: how; or its fields as keyword arguments.
        checkpoint: a file to go on from and to save to, as the training goes.
        progress: called with the steps done and all of them.

    Raises:
        ModelError: a config that makes no sense, or the loss is no longer finite.
        RunError: the checkpoint is damaged, or of another training.
    """
    training = Adder(config or AdderConfig(**options))
    config = training.config
    train(
        training,
        config.steps,
        checkpoint=checkpoint,
        save_every=config.save_every,
        progress=progress,
    )
    return Model(training.hf.eval(), training.tokenizer, name="adder")


class Adder:
    """An adder in training."""

    def __init__(self, config: AdderConfig) -> None:
        self.config = config
        self.tokenizer = character_tokenizer()
        self.hf = _untrained(config, self.tokenizer)
        self.questions = questions(held_out=False)
        addition = self.questions.operation == 0
        self.weights = self.questions.weights * torch.where(
            addition, config.addition, (1 - config.addition) / int(self.questions.operation.max())
        )
        self.optimizers = Optimizers(self.hf, config.muon_rate, config.adam_rate)
        self.draws = torch.Generator().manual_seed(config.seed)
        self.step = 0

    def update(self) -> float:
        """One step on one batch; its loss in nats a token.

        Raises:
            ModelError: the loss is not finite.
        """
        config, known = self.config, self.questions
        rows = torch.multinomial(
            self.weights, config.batch_size, replacement=True, generator=self.draws
        )
        half = torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16")
        with torch.enable_grad(), half:
            logits = self.hf(input_ids=known.ids[rows], use_cache=False).logits
        loss = cross_entropy(
            logits.float().flatten(0, 1), known.labels[rows].flatten(), ignore_index=IGNORED
        )
        value = loss.item()
        if not math.isfinite(value):
            raise ModelError(
                f"the adder's loss is {value} at step {self.step}: lower its learning rates"
            )
        loss.backward()
        self.optimizers.update(self._rate())
        self.step += 1
        return value

    def _rate(self) -> float:
        """The part of the learning rates: a warm-up, flat, and down from half of all steps on."""
        config = self.config
        left = 2 * (config.steps - self.step) / config.steps
        return min((self.step + 1) / max(config.warm_up, 1), left, 1.0)

    def save(self, path: Path) -> None:
        """Write all that the training needs to go on."""
        plain = {"step": self.step, "config": asdict(self.config)}
        save_training(path, self._tensors(), plain, self.optimizers.adam)

    def resume(self, path: Path) -> None:
        """Go on from `save`.

        Raises:
            RunError: the file is damaged, or of another training.
        """
        own = self._tensors()
        tensors, plain = load_training(path, own)
        if plain["config"] != asdict(self.config):
            raise RunError(f"the checkpoint {path} is of another training: use another file")
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(tensors[name])
        self.draws.set_state(own["draws"])
        restore(self.optimizers.adam, tensors)
        self.step = plain["step"]

    def _tensors(self) -> dict[str, Tensor]:
        weights = {f"weights.{name}": p for name, p in self.hf.named_parameters()}
        return weights | self.optimizers.momenta | {"draws": self.draws.get_state()}


def _untrained(config: AdderConfig, tokenizer: Any) -> Any:
    sizes = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.d_model,
        intermediate_size=config.d_mlp,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.heads,
        max_position_embeddings=256,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.convert_tokens_to_ids("\n"),
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return LlamaForCausalLM(sizes).train()
