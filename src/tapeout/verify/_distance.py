"""How far a changed model is from the one that it came from."""

from torch import Tensor

from ..models import Model
from ..tasks import Batch, Loss, Metric


def distance_from(base: Model) -> Metric:
    """A metric of any other model with the same vocabulary: KL from the base at the answer.

    In nats a token of the answer; of a text task that is every token of a window but its first.
    Keep the metric for one split only: what the base says there is run once.
    """
    loss = Loss(base, "kl")

    def of(logits: Tensor, batch: Batch) -> Tensor:
        return loss.of(logits, batch) / batch.answer_length

    return Metric("kl_to_base", "KL from the base's next-token distribution, in nats a token", of)
