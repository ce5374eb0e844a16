"""Claims, and the rules about sizes that several of them are judged by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .measured import Holds, below, verdict
from .reading import COMPACT, Runs, Sizes, sizes

Judged = tuple[dict[str, Any], Holds]
"""What was measured, and whether the rule holds."""

REPLACEMENTS = ("counterfactual", "zero")
HALF = 0.5


@dataclass(frozen=True)
class Rule:
    """What a claim is judged by.

    Attributes:
        text: what is tested.
        judge: does so.
    """

    text: str
    judge: Callable[[Runs], Judged]


@dataclass(frozen=True)
class Claim:
    """What the paper says.

    Attributes:
        experiment: where in the paper.
        claim: in our words, with its numbers.
        rule: decides whether it holds here.
    """

    experiment: str
    claim: str
    rule: Rule

    def row(self, runs: Runs) -> dict[str, Any]:
        """The claim beside what was measured.

        Raises:
            MissingStage: a run lacks one of its stages.
        """
        here, holds = self.rule.judge(runs)
        row = {"experiment": self.experiment, "claim": self.claim, "here": here}
        return row | {"rule": self.rule.text, "verdict": verdict(holds)}


def both(experiment: str, claim: str, rule: Callable[[str], Rule]) -> tuple[Claim, ...]:
    """A claim under each replacement; the paper's tables are under counterfactuals."""
    return tuple(Claim(experiment, claim, rule(replacement)) for replacement in REPLACEMENTS)


def beyond(reason: str) -> Rule:
    """What these runs cannot say."""
    return Rule(reason, lambda _: ({}, None))


def smaller(name: str, *others: str, factor: float = HALF) -> Callable[[str], Rule]:
    """k90 of one model is below a part of the smallest k90 of others."""
    part = "" if factor == 1 else f"{factor:g} times "
    least = "the smallest k90" if len(others) > 1 else "k90"
    text = f"k90 of {name} below {part}{least} of {', '.join(others)}"

    def under(replacement: str) -> Rule:
        def judge(runs: Runs) -> Judged:
            own = sizes(runs, name, replacement)
            rivals = {other: sizes(runs, other, replacement) for other in others}
            rival = min((own.k90 for own in rivals.values()), key=lambda k90: k90.value)
            return told({name: own} | rivals), below(own.k90, rival.times(factor))

        return Rule(f"{text}, under {replacement}", judge)

    return under


def recovers(name: str, bar: float, share: float = COMPACT) -> Callable[[str], Rule]:
    """A model's top channels, so many, recover the bar or more."""
    return _recovery(name, bar, share, above=True)


def fails(name: str, bar: float, share: float = COMPACT) -> Callable[[str], Rule]:
    """A model's top channels, so many, recover less than the bar."""
    return _recovery(name, bar, share, above=False)


def control(name: str, treated: str, bar: float = HALF) -> Callable[[str], Rule]:
    """A control's top channels fail where those of what it controls for do not."""

    def under(replacement: str) -> Rule:
        works, failed = (rule(replacement) for rule in (recovers(treated, bar), fails(name, bar)))

        def judge(runs: Runs) -> Judged:
            (_, there), (here, holds) = works.judge(runs), failed.judge(runs)
            models = {own: sizes(runs, own, replacement) for own in (name, treated)}
            # where the treatment does nothing, a control that does nothing shows nothing
            return here | told(models), None if holds and not there else holds

        return Rule(f"{failed.text}; undecided if {treated} does not recover {bar:.0%}", judge)

    return under


def broad(name: str, share: float, target: float = 0.9) -> Callable[[str], Rule]:
    """The smallest circuit of a model that keeps the target has more than a share of all nodes."""

    def under(replacement: str) -> Rule:
        def judge(runs: Runs) -> Judged:
            own = sizes(runs, name, replacement)
            size = own.smallest(target)
            here = told({name: own}) | {"target": target, "smallest": size.to_dict()}
            return here, below(share * own.nodes, size)

        text = f"{name} keeps {target:.0%} only with more than {share:.0%} of the channels"
        return Rule(f"{text}, under {replacement}", judge)

    return under


def told(models: dict[str, Sizes]) -> dict[str, Any]:
    """Several models' sizes as a row reports them."""
    about = next(iter(models.values())).about()
    return about | {name: own.to_dict() for name, own in models.items()}


def _recovery(name: str, bar: float, share: float, above: bool) -> Callable[[str], Rule]:
    side = "at least" if above else "below"
    text = f"recovery of {name} at {share:.0%} of the channels {side} {bar:.0%}"

    def under(replacement: str) -> Rule:
        def judge(runs: Runs) -> Judged:
            own = sizes(runs, name, replacement)
            found = own.at(share)
            here = told({name: own}) | {"share": share, "recovery": found.to_dict()}
            return here, below(bar, found) if above else below(found, bar)

        return Rule(f"{text}, under {replacement}", judge)

    return under
