"""Five more questions that a small model of digits can learn: two numbers, or a text of digits.

See `DigitTask` for what they share and for their options.
"""

from ._carries import carries
from ._digit_task import DigitTask
from ._operation import Operation
from ._pairs import Pair, Pairs
from ._texts import DigitText, Texts


def _subtraction_strata(pair: Pair) -> dict[str, str]:
    size = abs(pair[0] - pair[1])
    return {
        "sign": {"first": "positive", "equal": "zero", "second": "negative"}[_larger(pair)],
        "borrow": "yes" if any(carries(min(pair), size)) else "no",
        "length": str(len(str(size))),
    }


def _larger(pair: Pair) -> str:
    a, b = pair
    return "equal" if a == b else "first" if a > b else "second"


def _length(text: DigitText) -> str:
    return str(len(text[0]))


subtraction = DigitTask(
    Operation(
        name="subtraction",
        operands=Pairs(),
        template="{a}-{b}=",
        solve=lambda pair: str(pair[0] - pair[1]),
        strata=_subtraction_strata,
    )
)
"""`27-48=` and then `-21`. Strata: `sign` (negative, zero, positive), `borrow` (yes, no), `length`
(digits of the difference)."""

maximum = DigitTask(
    Operation(
        name="maximum",
        operands=Pairs(),
        template="m{a},{b}=",
        solve=lambda pair: str(max(pair)),
        strata=lambda pair: {"larger": _larger(pair)},
    )
)
"""`m27,48=` and then `48`. Stratum: `larger` (first, second, equal)."""

comparison = DigitTask(
    Operation(
        name="comparison",
        operands=Pairs(),
        template="{a}?{b}=",
        solve=lambda pair: {"first": ">", "equal": "=", "second": "<"}[_larger(pair)],
        strata=lambda pair: {"larger": _larger(pair)},
        kind=_larger,
        aligned=False,  # 7 is below every number of two digits, whatever the counterfactual's are
    )
)
"""`27?48=` and then `<`, `=` or `>`. Stratum: `larger` (first, second, equal). Counterfactuals have
as many digits in both operands together. Few of all pairs are of equal numbers."""

copy = DigitTask(
    Operation(
        name="copy",
        operands=Texts(),
        template="c{text}=",
        digits=4,
        solve=lambda text: text[0],
        strata=lambda text: {"length": _length(text)},
        kind=_length,
    )
)
"""`c0427=` and then `0427`. Stratum: `length`."""

reversal = DigitTask(
    Operation(
        name="reversal",
        operands=Texts(),
        template="r{text}=",
        digits=4,
        solve=lambda text: text[0][::-1],
        strata=lambda text: {"length": _length(text)},
        kind=_length,
    )
)
"""`r0427=` and then `7240`. Stratum: `length`."""
