"""The table of bigrams, counted: what a token says of the next one by itself."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ._tokens import TokenFile

CHUNK = 2**22


def bigram_logits(file: TokenFile, smoothing: float = 128.0) -> Float[Tensor, "token next"]:
    """Log probabilities of every token after every other, in nats.

    The distribution after a token is what was counted, and as if `smoothing` more tokens had
    followed it as they are spread over the whole file; there each counts once more than it was
    seen.

    Args:
        file: the tokens to count.
        smoothing: above 0.
    """
    size = file.vocabulary
    pairs = np.zeros(size * size, dtype=np.int64)
    singles = np.ones(size, dtype=np.int64)
    for at in range(0, len(file), CHUNK):
        ids = file.window(at, min(CHUNK + 1, len(file) - at)).numpy()
        pairs += np.bincount(ids[:-1] * size + ids[1:], minlength=size * size)
        singles += np.bincount(ids[:CHUNK], minlength=size)
    counted = pairs.reshape(size, size)
    everywhere = singles / singles.sum()
    after = counted.sum(axis=1, keepdims=True) + smoothing
    return torch.from_numpy(np.log((counted + smoothing * everywhere) / after)).float()
