"""What a task measures on the logits at the answer."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import TaskError
from ._batch import Batch

Logits = Float[Tensor, "rows length vocab"]


@dataclass(frozen=True)
class Metric:
    """A number per example; the higher, the better.

    Attributes:
        name: under which results carry it.
        definition: one sentence, since several metrics of the literature share a name.
        of: from the logits at the answer, shape [rows, answer_length, vocab], and the batch to
            one value per row; differentiable.
    """

    name: str
    definition: str
    of: Callable[[Tensor, Batch], Tensor]


def log_likelihood(logits: Logits, batch: Batch) -> Float[Tensor, " rows"]:
    answers = batch.answers.to(logits.device)
    logp = logits.float().log_softmax(dim=-1)
    if batch.answer_length > 1:
        return logp.gather(-1, answers[..., None])[..., 0].sum(dim=-1)
    return _select(logp[:, 0], batch.accepted, float("-inf")).logsumexp(dim=-1)


def logit_difference(logits: Logits, batch: Batch) -> Float[Tensor, " rows"]:
    """Mean logit of the right tokens less mean logit of the foils."""
    single_token(batch, "logit_difference")
    right, wrong = batch.accepted.to(logits.device), batch.foils.to(logits.device)
    at_answer = logits[:, 0]
    return _mean(at_answer, right) - _mean(at_answer, wrong)


def probability_difference(logits: Logits, batch: Batch) -> Float[Tensor, " rows"]:
    """Probability of the right tokens less that of the foils, among the whole vocabulary."""
    single_token(batch, "probability_difference")
    probability = logits[:, 0].float().softmax(dim=-1)
    right = _select(probability, batch.accepted, 0.0).sum(dim=-1)
    return right - _select(probability, batch.foils, 0.0).sum(dim=-1)


def above_foil(logits: Logits, batch: Batch) -> Float[Tensor, " rows"]:
    """1 where the best right token is above every foil, else 0; not differentiable."""
    single_token(batch, "above_foil")
    right = _select(logits[:, 0], batch.accepted, float("-inf")).amax(dim=-1)
    wrong = _select(logits[:, 0], batch.foils, float("-inf")).amax(dim=-1)
    return (right > wrong).float()


def single_token(batch: Batch, metric: str, *, instead: str = "the metric log_likelihood") -> None:
    """Refuse a metric that compares single tokens, and name what to use instead.

    Raises:
        TaskError: the answers have several tokens, or there is no foil to compare with.
    """
    if batch.answer_length > 1:
        text = batch.examples[0].answers[0]
        raise TaskError(
            f"{metric} compares single tokens, but the answer {text!r} has {batch.answer_length}: "
            f"use {instead}"
        )
    if (batch.foils < 0).all(dim=-1).any() if batch.foils.shape[1] else True:
        raise TaskError(f"{metric} needs a foil for every example: use {instead}")


def _select(values: Tensor, ids: Int[Tensor, "rows most"], missing: float) -> Tensor:
    ids = ids.to(values.device)
    picked = values.gather(-1, ids.clamp(min=0))
    return torch.where(ids >= 0, picked, missing)


def _mean(values: Tensor, ids: Int[Tensor, "rows most"]) -> Tensor:
    return _select(values, ids, 0.0).sum(dim=-1) / (ids >= 0).sum(dim=-1)


LOG_LIKELIHOOD = Metric(
    "log_likelihood",
    "log probability of the right answer, summed over its tokens (and over right answers)",
    log_likelihood,
)
"""Log probability of the right answer."""

LOGIT_DIFFERENCE = Metric(
    "logit_difference",
    "mean logit of the right tokens less mean logit of the foils",
    logit_difference,
)
"""Mean logit of the right tokens less that of the foils."""

PROBABILITY_DIFFERENCE = Metric(
    "probability_difference",
    "probability of the right tokens less that of the foils, softmax over the whole vocabulary",
    probability_difference,
)
"""Probability of the right tokens less that of the foils."""

ABOVE_FOIL = Metric(
    "above_foil",
    "share of examples whose best right token is above every foil",
    above_foil,
)
"""Whether the best right token is above every foil."""
