"""The reasoner: a small model of words and digits that works out word problems step by step."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..bases import IGNORED, BaseConfig, BaseTraining, Part, Progress
from ..errors import ModelError
from ..models import Model
from ._drills import equation
from ._library import built_in
from ._problem import Problem
from ._prompting import Prompting
from ._slips import slipped
from ._unseen import draw_known
from ._word_tokenizer import word_tokenizer

AT_ONCE = 16
"""Rows that go through the model together: those of about the same length."""
EQUATIONS = 12
"""In a row of drills, which is then about as long as a problem."""
POSITIONS = 1024
Row = tuple[list[int], list[int]]


@dataclass(frozen=True, kw_only=True)
class ReasonerConfig(BaseConfig):
    """The reasoner's sizes and training, see `bases.BaseConfig`.

    Attributes:
        kv_heads: key and value heads; they divide the query heads.
        drills: the part of all rows that are equations instead of a problem. They hold five times
            as much arithmetic, which is what takes longest to learn.
        slips: the part of the solutions of several steps whose last step takes away that add there
            instead. Above a half, greedy decoding slips too where samples still do it right: a
            skill that is there and misused.

    Raises:
        ModelError: a size is not positive, or heads do not divide.
    """

    steps: int = 800
    batch_size: int = 32
    layers: int = 4
    d_model: int = 192
    heads: int = 6
    kv_heads: int = 2
    d_mlp: int = 512
    drills: float = 0.4
    slips: float = 0.0
    muon_rate: float = 0.02
    adam_rate: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.drills < 1:
            raise ModelError(f"drills must be at least 0 and below 1, not {self.drills}")
        if not 0 <= self.slips <= 1:
            raise ModelError(f"slips must be between 0 and 1, not {self.slips}")
        if self.kv_heads < 1 or self.heads % self.kv_heads:
            raise ModelError(
                f"every key and value head serves as many query heads, but {self.heads} do not "
                f"divide into {self.kv_heads}: change heads or kv_heads"
            )


def reasoner(
    config: ReasonerConfig | None = None,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Model:
    """Train the reasoner from scratch, on one CPU thread in some minutes.

    It is a Llama with `word_tokenizer` and fewer key and value heads than query heads. Every step
    shows it new problems of the built-in templates, put as `word_problems(shots=0)` puts them, and
    asks for the worked solution and the stop behind it. Problems that are held out are left out:
    see `is_unseen`, and build tasks with `word_problems(unseen=True)`.

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
    training = Reasoner(config or ReasonerConfig(**options))
    return training.finished(checkpoint=checkpoint, progress=progress)


class Reasoner(BaseTraining):
    """A reasoner in training.

    The loss is that of the solution alone: half of what makes up a question is drawn at random,
    and no model can learn to foresee it.
    """

    name = "reasoner"

    def __init__(self, config: ReasonerConfig) -> None:
        tokenizer = word_tokenizer()
        (end,) = tokenizer("\n", add_special_tokens=False).input_ids
        super().__init__(config, tokenizer, end=end, kv_heads=config.kv_heads, positions=POSITIONS)
        self.drills = round(config.drills * config.batch_size)
        self.slips = config.slips
        # fused attention over short rows takes a CPU longer, in bfloat16 several times so
        self.hf.set_attn_implementation("eager")

    def finished(
        self, *, checkpoint: Path | None = None, progress: Progress | None = None
    ) -> Model:
        """See `bases.BaseTraining`."""
        model = super().finished(checkpoint=checkpoint, progress=progress)
        self.hf.set_attn_implementation("sdpa")  # as the model has it when it is loaded
        return model

    def batch(self) -> list[Part]:
        """Rows that depend on the seed and the step alone, by their lengths."""
        rng = random.Random(f"reasoner/{self.config.seed}/{self.step}")
        templates = rng.choices(built_in(), k=self.config.batch_size - self.drills)
        texts = [_problem(self._taught(draw_known(each, rng))) for each in templates]
        texts += [[equation(rng) for _ in range(EQUATIONS)] for _ in range(self.drills)]
        rows = sorted(map(self._row, texts), key=_length)
        return [self._part(rows[at : at + AT_ONCE]) for at in range(0, len(rows), AT_ONCE)]

    def _taught(self, problem: Problem) -> Problem:
        """With the solution that is taught."""
        draws = random.Random(f"slips/{self.config.seed}/{self.step}/{problem.question}")
        other = slipped(problem) if draws.random() < self.slips else None
        return other or problem

    def _row(self, pieces: list[tuple[str, str]]) -> Row:
        """What is given and what is learned, in turn."""
        texts = [text for piece in pieces for text in piece]
        bos = self.tokenizer.bos_token_id
        ids, labels = [bos], [IGNORED]
        for place, some in enumerate(self.tokenizer(texts, add_special_tokens=False).input_ids):
            ids += some
            labels += some if place % 2 else [IGNORED] * len(some)
        return ids, labels

    def _part(self, rows: list[Row]) -> Part:
        longest = max(map(_length, rows))
        whole = torch.full((len(rows), longest), self.tokenizer.pad_token_id)
        labels = torch.full((len(rows), longest), IGNORED)
        for place, (ids, learned) in enumerate(rows):
            whole[place, : len(ids)] = torch.tensor(ids)
            labels[place, : len(ids)] = torch.tensor(learned)
        return whole[:, :-1], labels[:, 1:]

    def _loss(self, ids: Tensor, labels: Tensor) -> Tensor:
        # the unembedding where something is learned alone, which is less than half of all places
        learned = labels != IGNORED
        with torch.enable_grad(), self.half():
            logits = self.hf.lm_head(self.hf.model(input_ids=ids, use_cache=False)[0][learned])
        return cross_entropy(logits.float(), labels[learned])


def _problem(problem: Problem) -> list[tuple[str, str]]:
    own = Prompting()
    prompt = f"{own.prefix(())}{own.question(problem)}"
    return [(prompt, f" {problem.solution}{own.stops[0]}")]


def _length(row: Row) -> int:
    return len(row[0])
