"""Addition of two numbers (paper 1): `48+27=` and then `75` and a newline."""

from ._carries import carry_regime, overflows
from ._digit_task import DigitTask
from ._operation import Operation
from ._pairs import Pair, Pairs


def addition_strata(pair: Pair) -> dict[str, str]:
    """How hard an addition is, by group name."""
    return {
        "carry": carry_regime(*pair),
        "length": str(len(str(sum(pair)))),
        "overflow": "yes" if overflows(*pair) else "no",
    }


addition = DigitTask(
    Operation(
        name="addition",
        operands=Pairs(),
        template="{a}+{b}=",
        result="sum",
        solve=lambda pair: str(sum(pair)),
        strata=addition_strata,
    )
)
"""See `DigitTask`. Strata: `carry` (see `carry_regime`), `length` (digits of the sum), `overflow`
(yes, no). The leading 1 of an overflow is in every counterfactual's answer too."""
