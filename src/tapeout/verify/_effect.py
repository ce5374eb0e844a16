"""What a change of a model did to a task or a text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..models import Model
from ..tasks import Metric, Split
from ._distance import distance_from
from ._evaluate import Outcome, evaluate
from ._intervals import Average, Share
from ._paired import Difference, paired

TOKENS_AT_ONCE = 256
"""Of answers: the logits of long ones fill the memory."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A changed model beside its base, on the same examples.

    Attributes:
        split: which.
        criterion: when an example counts as right.
        base, changed: accuracies, teacher-forced.
        gain: their difference, example by example.
        kl: from the base's next-token distributions, in nats a token of the answer; None where
            it was not measured.
    """

    split: str
    criterion: str
    base: Share
    changed: Share
    gain: Difference
    kl: Average | None = None

    def to_dict(self) -> dict[str, Any]:
        found = {
            "split": self.split,
            "criterion": self.criterion,
            "base": self.base.to_dict(),
            "changed": self.changed.to_dict(),
            "gain": self.gain.to_dict(),
        }
        return found if self.kl is None else found | {"kl_to_base": self.kl.to_dict()}


def effect_on(base: Model, changed: Model, split: Split) -> Effect:
    """Accuracy before and after, and the distance between.

    Args:
        base, changed: models of one vocabulary.
        split: the examples.
    """
    before = evaluate(base, split, batch_size=_rows(split))
    after = _measured(changed, split, distance_from(base))
    return Effect(
        split=split.name,
        criterion=split.criterion.name,
        base=before.accuracy,
        changed=after.accuracy,
        gain=paired(before.correct.tolist(), after.correct.tolist()),
        kl=after.average("kl_to_base"),
    )


def drift_on(base: Model, changed: Model, split: Split) -> Average:
    """KL from the base alone, in nats a token: for text, of which nothing is right or wrong.

    The mean is over the split's examples (a text's windows), as is its 95% interval.
    """
    return drift_from(base, split)(changed)


def drift_from(base: Model, split: Split) -> Callable[[Model], Average]:
    """`drift_on` of one changed model after another, for which the base runs once."""
    distance = distance_from(base)
    return lambda changed: _measured(changed, split, distance).average("kl_to_base")


def _measured(changed: Model, split: Split, distance: Metric) -> Outcome:
    return evaluate(changed, split, metrics=[distance], batch_size=_rows(split))


def _rows(split: Split) -> int:
    longest = max(len(item.answers[0]) for item in split.encoded)
    return max(TOKENS_AT_ONCE // longest, 1)
