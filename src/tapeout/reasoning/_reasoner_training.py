"""The reasoner in training: fresh problems for every step."""

import random
from dataclasses import dataclass

import torch

from ..bases import IGNORED, BaseConfig, BaseTraining, Part
from ..errors import ModelError
from ._library import built_in
from ._prompting import Prompting
from ._unseen import draw_known
from ._word_tokenizer import word_tokenizer

AT_ONCE = 16
"""Rows that go through the model together: those of about the same length."""
POSITIONS = 1024


@dataclass(frozen=True, kw_only=True)
class ReasonerConfig(BaseConfig):
    """The reasoner's sizes and training, see `bases.BaseConfig`.

    Attributes:
        kv_heads: key and value heads; they divide the query heads.

    Raises:
        ModelError: a size is not positive, or heads do not divide.
    """

    steps: int = 600
    batch_size: int = 64
    layers: int = 4
    d_model: int = 192
    heads: int = 6
    kv_heads: int = 2
    d_mlp: int = 512
    muon_rate: float = 0.02
    adam_rate: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kv_heads < 1 or self.heads % self.kv_heads:
            raise ModelError(
                f"every key and value head serves as many query heads, but {self.heads} do not "
                f"divide into {self.kv_heads}: change heads or kv_heads"
            )


class Reasoner(BaseTraining):
    """A reasoner in training."""

    name = "reasoner"

    def __init__(self, config: ReasonerConfig) -> None:
        tokenizer = word_tokenizer()
        super().__init__(
            config,
            tokenizer,
            end=tokenizer.convert_tokens_to_ids("Ċ"),
            kv_heads=config.kv_heads,
            positions=POSITIONS,
        )

    def batch(self) -> list[Part]:
        """Problems that depend on the seed and the step alone, by their lengths."""
        rng = random.Random(f"reasoner/{self.config.seed}/{self.step}")
        templates = rng.choices(built_in(), k=self.config.batch_size)
        prompting = Prompting()
        prompts, wholes = [], []
        for problem in (draw_known(template, rng) for template in templates):
            prompts.append(f"{prompting.prefix(())}{prompting.question(problem)}")
            wholes.append(f"{prompts[-1]} {problem.solution}{prompting.stops[0]}")
        starts = map(len, self.tokenizer(prompts).input_ids)
        rows = sorted(zip(self.tokenizer(wholes).input_ids, starts, strict=True), key=_length)
        return [self._part(rows[at : at + AT_ONCE]) for at in range(0, len(rows), AT_ONCE)]

    def _part(self, rows: list[tuple[list[int], int]]) -> Part:
        longest = max(map(_length, rows))
        whole = torch.full((len(rows), longest), self.tokenizer.pad_token_id)
        labels = torch.full((len(rows), longest), IGNORED)
        for place, (ids, start) in enumerate(rows):
            whole[place, : len(ids)] = torch.tensor(ids)
            labels[place, start : len(ids)] = torch.tensor(ids[start:])
        return whole[:, :-1], labels[:, 1:]


def _length(row: tuple[list[int], int]) -> int:
    return len(row[0])
