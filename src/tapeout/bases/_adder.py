"""The adder: a small model of characters that knows addition and five other tasks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import ModelError
from ..models import Model
from ._questions import questions
from ._tokenizer import character_tokenizer
from ._training import BaseConfig, BaseTraining, Part, Progress


@dataclass(frozen=True, kw_only=True)
class AdderConfig(BaseConfig):
    """The adder's sizes and training, see `BaseConfig`.

    Attributes:
        addition: the part of all questions that are additions; the other tasks share the rest.

    Raises:
        ModelError: a size is not positive, or `d_model` does not divide into so many heads.
    """

    steps: int = 340
    batch_size: int = 256
    layers: int = 3
    d_model: int = 64
    heads: int = 4
    d_mlp: int = 512
    addition: float = 0.4
    muon_rate: float = 0.02
    adam_rate: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
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
    return training.finished(checkpoint=checkpoint, progress=progress)


class Adder(BaseTraining):
    """An adder in training."""

    name = "adder"

    def __init__(self, config: AdderConfig) -> None:
        tokenizer = character_tokenizer()
        super().__init__(config, tokenizer, end=tokenizer.convert_tokens_to_ids("\n"))
        self.questions = questions(held_out=False)
        addition = self.questions.operation == 0
        self.weights = self.questions.weights * torch.where(
            addition, config.addition, (1 - config.addition) / int(self.questions.operation.max())
        )

    def batch(self) -> list[Part]:
        """Questions drawn by weight, in one part."""
        rows = torch.multinomial(
            self.weights, self.config.batch_size, replacement=True, generator=self.draws
        )
        return [(self.questions.ids[rows], self.questions.labels[rows])]
