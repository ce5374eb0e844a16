"""What a change does elsewhere: on text, and in other tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import AmplifyError
from ..models import Model
from ..tasks import Split
from ..verify import Average, Effect, drift_on, effect_on
from ._multiple_choice import MultipleChoice


@dataclass(frozen=True, kw_only=True, eq=False)
class SideEffects:
    """By the names of splits and of multiple choice tasks.

    Attributes:
        texts: KL from the base in nats a token, mean and 95% interval over windows.
        others: accuracies, their paired difference, and KL where it is measured.
    """

    texts: Mapping[str, Average]
    others: Mapping[str, Effect]

    def to_dict(self) -> dict[str, Any]:
        return {
            "texts": {name: {"kl_to_base": kl.to_dict()} for name, kl in self.texts.items()},
            "others": {name: effect.to_dict() for name, effect in self.others.items()},
        }

    def rows(self) -> list[dict[str, Any]]:
        """One flat dictionary for each: what a table holds."""
        found = [{"name": name, "n": kl.n, **_kl(kl)} for name, kl in self.texts.items()]
        for name, effect in self.others.items():
            gain = effect.gain
            found.append(
                {
                    "name": name,
                    "n": gain.n,
                    "criterion": effect.criterion,
                    "base": effect.base.value,
                    "changed": effect.changed.value,
                    "gain": gain.value,
                    "low": gain.low,
                    "high": gain.high,
                    "p": gain.p,
                    **_kl(effect.kl),
                }
            )
        return found


def side_effects(
    base: Model,
    changed: Model,
    *,
    texts: Sequence[Split] = (),
    others: Sequence[Split | MultipleChoice] = (),
) -> SideEffects:
    """A changed model beside its base, on what the change was not for.

    Problems that are solved by writing (another reasoning task) are not among these: solve them
    with both models, and compare with `verify.paired`.

    Args:
        base: what it was changed from, in the same precision (`Updated.base`), so that rounding
            is no effect.
        changed: the model.
        texts: held-out plain text, such as the test split of `tasks.text`.
        others: splits of other tasks, answered teacher-forced, and multiple choice.

    Raises:
        AmplifyError: two of them have one name.
        TaskError: an example does not tokenise as it must.

    Source: paper 2, section 5 and table 2; KL on text is ours.
    """
    names = [each.name for each in (*texts, *others)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise AmplifyError(f"two side effects have the name {twice}: give one of them another")
    return SideEffects(
        texts={split.name: drift_on(base, changed, split) for split in texts},
        others={other.name: _effect(base, changed, other) for other in others},
    )


def _effect(base: Model, changed: Model, other: Split | MultipleChoice) -> Effect:
    if isinstance(other, MultipleChoice):
        return other.effect(base, changed)
    return effect_on(base, changed, other)


def _kl(kl: Average | None) -> dict[str, float]:
    return {} if kl is None else {"kl": kl.value, "kl_low": kl.low, "kl_high": kl.high}
