"""Problems that models reason about: how many, how they are asked, and one of them."""

from collections.abc import Sequence

from ._given import given
from ._html import Html, facts, name
from ._results import Stage
from ._text import seen_lines, short

_LONGEST = 1000


def problems_facts(stages: Sequence[Stage]) -> list[Html]:
    """Every task of problems; those that differ in their seed alone are one."""
    alike: dict[str, list[Stage]] = {}
    for stage in stages:
        config = [pair for pair in stage.metrics.child("config").leaves() if pair[0] != "seed"]
        alike.setdefault(repr((stage.metrics.text("task"), config)), []).append(stage)
    return [_facts(found) for found in alike.values()]


def _facts(stages: Sequence[Stage]) -> Html:
    found = stages[0].metrics
    sizes = ", ".join(f"{split} {count:,}" for split, count in found.child("sizes").counts())
    about = [
        ("Problems", name(found.text("task"))),
        ("Stages" if len(stages) > 1 else "Stage", name(", ".join(s.name for s in stages))),
        ("Examples", name(sizes)),
        ("Templates", f"{found.whole('templates'):,}" if "templates" in found else ""),
        ("Settings", given(found.child("config").leaves())),
        ("One of them", _text(found.text("prompt", "–"))),
        ("Worked", _text(found.text("solution", "–"))),
    ]
    return facts(about)


def _text(text: str) -> Html:
    return name(short(seen_lines(text), _LONGEST))
