"""Greater-than: an interval's end lies after its start, in two-digit tokens or in single digits.

The literature has three incompatible metrics. `probability_difference` is that of Hanna et al.,
EAP-IG and ACDC, `probability_difference_two_digits` that of Edge Pruning, and
`probability_difference_window` that of node pruning (paper 5). With single digits none of them
exists; their counterparts are `first_digit_probability_difference`, `..._ten_digits` and
`..._window`. Each metric's `definition` says what it is.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import TaskError
from ._criterion import EXACT, FOIL
from ._draw import assemble, deal, evenly, unpack
from ._example import Example
from ._metrics import ABOVE_FOIL, LOG_LIKELIHOOD, Metric
from ._task import Counts, Task
from ._words import PERIODS
from ._year_metrics import first_digit_metrics, two_digit_metrics

TEMPLATE = "The {period} lasted from the year {century}{year} to the year {century}"
CENTURIES = range(11, 18)
ENOUGH_ENDINGS = 90
"""Of 100: a century of which the tokenizer cuts more years in another way is left out."""


@dataclass(frozen=True, kw_only=True)
class Years:
    """How a tokenizer writes years.

    Attributes:
        tokens: of the numbers 00 to 99 where years end in one token, else of the ten digits.
        endings: century -> the two-digit numbers that a year of it can end in at a token boundary.
    """

    tokens: list[int]
    endings: Mapping[int, list[int]]

    @property
    def two_digits(self) -> bool:
        return len(self.tokens) == 100

    @property
    def metrics(self) -> list[Metric]:
        return (
            two_digit_metrics(self.tokens) if self.two_digits else first_digit_metrics(self.tokens)
        )

    def sides(self, century: int, start: int) -> tuple[list[str], list[str]]:
        """What the answer may be, and what it may not, as text."""
        if not self.two_digits:
            first = start // 10
            return [str(d) for d in range(first + 1, 10)], [str(d) for d in range(first)]
        endings = self.endings[century]
        above = [f"{ending:02d}" for ending in endings if ending > start]
        return above, [f"{ending:02d}" for ending in endings if ending <= start]

    def starts(self, century: int) -> list[int]:
        """The years that an interval can start in: 02 to 98, with something on either side."""
        return [y for y in self.endings[century] if 2 <= y <= 98 and all(self.sides(century, y))]


def greater_than(tokenizer: Any, *, n: int | Counts = 400, seed: int = 0) -> Task:
    """Greater-than (Hanna et al. 2023), with nouns of our own: `... from the year 1743 to the year
    17`.

    Where the tokenizer writes a year as two tokens (17|43), any two-digit number above 43 is right
    and the others are foils; years that it writes in another way (in GPT-2 1700, and most of the
    12th century) are left out. Where it writes single digits (1|7|4|3), the answer is the next
    digit: those above 4 are right, those below 4 are foils, and 4 itself is neither, because the
    digit after it decides; the start then lies in 10 to 89, so that there are both. A model that
    goes on with the start's own digit is neither right nor wrong, so accuracy then counts by
    `above_foil`: the best digit above the start's against the best below it.

    The counterfactual starts in the year 01 of the same century. Nouns and start years of one split
    occur in no other. Stratum: `century` (11 to 17).

    The metrics are told apart in this module's docstring.

    Raises:
        TaskError: the tokenizer writes years in neither way, or `n` is more than there are prompts.
    """
    years = _read(tokenizer)
    rng = random.Random(seed)
    periods_of = deal(PERIODS, rng)
    starts_of = {century: deal(years.starts(century), rng) for century in years.endings}

    def examples(split: str, count: int, rng: random.Random) -> list[Example]:
        centuries, periods = list(starts_of), periods_of[split]
        sizes = [len(starts_of[century][split]) * len(periods) for century in centuries]
        made = []
        for cell, index in evenly(sizes, count, rng, split=f"greater-than/{split}"):
            starts = starts_of[centuries[cell]][split]
            year, period = unpack(index, len(starts), len(periods))
            made.append(_example(years, periods[period], centuries[cell], starts[year]))
        return made

    metrics = [*years.metrics, ABOVE_FOIL, LOG_LIKELIHOOD]
    return assemble(
        "greater-than",
        tokenizer,
        examples,
        counts=Counts.of(n),
        seed=seed,
        metrics={metric.name: metric for metric in metrics},
        criterion=EXACT if years.two_digits else FOIL,
    )


def _example(years: Years, period: str, century: int, start: int) -> Example:
    answers, foils = years.sides(century, start)
    return Example(
        prompt=TEMPLATE.format(period=period, century=century, year=f"{start:02d}"),
        answers=tuple(answers),
        foils=tuple(foils),
        counterfactual=TEMPLATE.format(period=period, century=century, year="01"),
        strata={"century": str(century)},
        content=(f"period:{period}", f"year:{century}{start:02d}"),
    )


def _read(tokenizer: Any) -> Years:
    """Find out how the tokenizer writes years.

    Raises:
        TaskError: neither as century and two digits nor digit by digit.
    """
    pieces = {century: _ending_pieces(tokenizer, century) for century in CENTURIES}
    digits = [own[0] for own in pieces[CENTURIES[0]][::10] if len(own) == 2]
    if len(set(digits)) == 10 and all(
        len(own) == 2 and own[0] == digits[ending // 10]
        for rows in pieces.values()
        for ending, own in enumerate(rows)
    ):
        return Years(tokens=digits, endings={c: list(range(100)) for c in CENTURIES})
    tokens = _two_digit_tokens(tokenizer)
    endings = {
        century: [ending for ending, own in enumerate(rows) if len(own) == 1]
        for century, rows in pieces.items()
        if len(rows[1]) == 1  # the counterfactual's year must be as long as the others
    }
    endings = {c: found for c, found in endings.items() if len(found) >= ENOUGH_ENDINGS}
    if len(set(tokens.values())) == 100 and endings:
        return Years(tokens=[tokens[ending] for ending in range(100)], endings=endings)
    written = tokenizer.convert_ids_to_tokens(tokenizer("from the year 1743").input_ids)
    raise TaskError(
        "greater-than needs a tokenizer that writes years as century and two digits (17|43) or as "
        f"single digits (1|7|4|3), but this one writes 'from the year 1743' as {written}"
    )


def _two_digit_tokens(tokenizer: Any) -> dict[int, int]:
    """The token of each of 00 to 99, from the first century in which it stands alone.

    The answer's centuries do not have them all: years such as 1700 are one token in GPT-2.
    """
    tokens: dict[int, int] = {}
    for century in range(10, 100):
        for ending, own in enumerate(_ending_pieces(tokenizer, century)):
            if len(own) == 1:
                tokens.setdefault(ending, own[0])
        if len(tokens) == 100:
            break
    return tokens


def _ending_pieces(tokenizer: Any, century: int) -> list[list[int]]:
    """What a year of the century ends in, for 00 to 99; nothing where no token starts there."""
    stem = f"to the year {century}"
    before = list(tokenizer(stem).input_ids)
    rows = tokenizer([f"{stem}{ending:02d}" for ending in range(100)]).input_ids
    return [list(ids[len(before) :]) if list(ids[: len(before)]) == before else [] for ids in rows]
