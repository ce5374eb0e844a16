"""The greater-than metrics of the literature, each under a name of its own."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ._batch import Batch
from ._metrics import Logits, Metric

Side = Callable[[Tensor, Tensor], Tensor]
"""From numbers and starts to 1 where a number counts for, -1 against, 0 on neither side."""


def two_digit_metrics(tokens: Sequence[int]) -> list[Metric]:
    """For tokenizers with a token for each of 00 to 99, which `tokens` lists."""
    return [
        _metric(
            "probability_difference",
            "p(end > start) - p(end <= start), softmax over the whole vocabulary (Hanna et al., "
            "EAP-IG, ACDC)",
            tokens,
            lambda k, start: 2.0 * (k > start) - 1,
            whole_vocabulary=True,
        ),
        _metric(
            "probability_difference_two_digits",
            "p(end > start) - p(end < start), softmax over the 100 two-digit tokens (Edge Pruning)",
            tokens,
            lambda k, start: (k - start).sign(),
        ),
        _metric(
            "probability_difference_window",
            "p(start+1 to start+10) - p(start-10 to start), softmax over the two-digit tokens "
            "02 to 98 (node pruning)",
            tokens[2:99],
            lambda k, start: _among(k - start, 1, 10) - _among(k - start, -10, 0),
            lowest=2,
        ),
    ]


def first_digit_metrics(tokens: Sequence[int]) -> list[Metric]:
    """For tokenizers that write single digits; `tokens` lists those of 0 to 9.

    They score the first digit only. Where it equals the start's, the next digit decides which year
    is later, so it counts on neither side.
    """
    name = "first_digit_probability_difference"
    return [
        _metric(
            name,
            "on the first digit only: p(greater digit) - p(smaller digit), softmax over the whole "
            "vocabulary",
            tokens,
            lambda k, start: (k - start).sign(),
            unit=10,
            whole_vocabulary=True,
        ),
        _metric(
            f"{name}_ten_digits",
            "on the first digit only: p(greater digit) - p(smaller digit), softmax over the ten "
            "digits",
            tokens,
            lambda k, start: (k - start).sign(),
            unit=10,
        ),
        _metric(
            f"{name}_window",
            "on the first digit only: p(next greater digit) - p(next smaller digit), softmax over "
            "the ten digits",
            tokens,
            lambda k, start: _among(k - start, 1, 1) - _among(k - start, -1, -1),
            unit=10,
        ),
    ]


def _metric(
    name: str,
    definition: str,
    tokens: Sequence[int],
    side: Side,
    *,
    lowest: int = 0,
    unit: int = 1,
    whole_vocabulary: bool = False,
) -> Metric:
    """Probability of the numbers above the start less that of those below.

    Args:
        tokens: of the numbers from `lowest` upwards.
        unit: 10 where the numbers are first digits.
        whole_vocabulary: whether probabilities are taken before all other tokens are left out.
    """
    numbers = torch.arange(lowest, lowest + len(tokens)).float()

    def of(logits: Logits, batch: Batch) -> Float[Tensor, " rows"]:
        at_answer = logits[:, 0].float()
        if whole_vocabulary:
            probability = at_answer.softmax(dim=-1)[:, list(tokens)]
        else:
            probability = at_answer[:, list(tokens)].softmax(dim=-1)
        starts = torch.tensor([[start_year(example.content) // unit] for example in batch.examples])
        return (probability * side(numbers, starts).to(logits.device)).sum(dim=-1)

    return Metric(name, definition, of)


def start_year(content: Sequence[str]) -> int:
    """The last two digits of the year that an example's interval starts in."""
    (year,) = (key for key in content if key.startswith("year:"))
    return int(year[-2:])


def _among(distance: Tensor, low: int, high: int) -> Tensor:
    return ((distance >= low) & (distance <= high)).float()
