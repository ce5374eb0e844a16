"""Batches of windows: which step sees which tokens, so that a training can go on at any step."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import CorpusError
from ._tokens import TokenFile


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Windows of real text with a share of windows of synthetic text, drawn by seed.

    Every step can be asked for in any order and is the same each time. Over all steps the share is
    kept exactly, to a row.

    Attributes:
        text: real text.
        programs: synthetic text; None only if `share` is 0.
        share: the part of all rows that is synthetic.
        length: tokens of a window; a model learns `length - 1` next tokens from it.
        batch: windows of a step.
        seed: of where windows start.

    Raises:
        CorpusError: a number makes no sense, a file is shorter than a window, or the two have
            different tokenizers.
    """

    text: TokenFile
    programs: TokenFile | None = None
    share: float = 0.0
    length: int = 256
    batch: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise CorpusError(f"share must lie between 0 and 1, not {self.share}")
        if self.length < 2 or self.batch < 1:
            raise CorpusError(
                f"a batch has 1 window or more of 2 tokens or more, not {self.batch} of "
                f"{self.length}"
            )
        if self.share and self.programs is None:
            raise CorpusError(f"a share of {self.share} needs a file of programs")
        for file in (self.text, self.programs):
            if file is not None and len(file) < self.length:
                raise CorpusError(
                    f"{file.path} has {len(file)} tokens, fewer than a window of {self.length}"
                )
        if self.programs is not None and self.programs.tokenizer != self.text.tokenizer:
            raise CorpusError(
                f"{self.text.path} and {self.programs.path} were made with different tokenizers"
            )

    def at(self, step: int) -> Int[Tensor, "batch pos"]:
        """The windows of a step, synthetic ones last."""
        rng = np.random.default_rng([self.seed, step])
        synthetic = _until(self.share, self.batch, step + 1) - _until(self.share, self.batch, step)
        rows = _windows(self.text, self.batch - synthetic, self.length, rng)
        if self.programs is not None:
            rows += _windows(self.programs, synthetic, self.length, rng)
        return torch.stack(rows)


def held_out(file: TokenFile, *, length: int, n: int) -> Int[Tensor, "rows pos"]:
    """Windows that stand evenly apart and do not overlap, to measure a loss on: always the same.

    Args:
        n: the most windows; a short file has fewer.

    Raises:
        CorpusError: the file is shorter than a window.
    """
    rows = min(n, len(file) // length)
    if rows < 1:
        raise CorpusError(f"{file.path} has {len(file)} tokens, fewer than a window of {length}")
    starts = [row * (len(file) - length) // max(rows - 1, 1) for row in range(rows)]
    return torch.stack([file.window(start, length) for start in starts])


def _until(share: float, batch: int, step: int) -> int:
    """Synthetic rows before a step."""
    return int(share * batch * step + 1e-9)


def _windows(file: TokenFile, rows: int, length: int, rng: np.random.Generator) -> list[Tensor]:
    starts = rng.integers(0, len(file) - length, size=rows, endpoint=True)
    return [file.window(int(start), length) for start in starts]
