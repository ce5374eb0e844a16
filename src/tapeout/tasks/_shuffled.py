"""Batches in an order that is another every epoch, and the same for the same seed."""

from collections.abc import Sequence

import torch

from ._batch import Batch


class Shuffled:
    """What a training takes at each of its steps; any step can be asked for, in any order."""

    def __init__(self, batches: Sequence[Batch], seed: int) -> None:
        self.batches, self.seed = batches, seed

    def at(self, step: int) -> Batch:
        epoch, place = divmod(step, len(self.batches))
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
        return self.batches[int(torch.randperm(len(self.batches), generator=generator)[place])]
