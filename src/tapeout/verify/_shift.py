"""Which tokens a calibration may shift, without knowing any example's answer."""

from collections.abc import Sequence
from typing import Literal

from ..tasks import Split

ShiftOn = Literal["side", "candidates", "nothing"]


def shifted(splits: Sequence[Split], objective: str) -> tuple[tuple[int, ...], ShiftOn]:
    """The tokens whose logits move together, ascending, and what they are.

    A shift of all logits changes no softmax, and a shift of each example's right token would give
    the answer away. So against right answers it moves one `side` of a task with two fixed sides
    (he against she), whichever of them an example wants; a task without gets none (`nothing`): to
    move every right token and foil at once would pay off without end, as it takes the rest of the
    vocabulary away. KL has the full model to answer to, so there it is those `candidates` that
    move.
    """
    if objective != "kl":
        side = _second_side(splits)
        return side, "side" if side else "nothing"
    rows = [item for split in splits for item in split.encoded]
    right = {token for item in rows for answer in item.answers for token in answer}
    return tuple(sorted(right | {foil[0] for item in rows for foil in item.foils})), "candidates"


def _second_side(splits: Sequence[Split]) -> tuple[int, ...]:
    """Of two sides, each the right one of some examples, that which holds the highest token.

    Answers of several tokens have none: the shift would apply at each of them.
    """
    rows = [item for split in splits for item in split.encoded]
    if any(len(answer) > 1 for item in rows for answer in item.answers):
        return ()
    pairs = {
        (frozenset(a[0] for a in item.answers), frozenset(f[0] for f in item.foils))
        for item in rows
    }
    sides = {right for right, _ in pairs}
    if len(sides) != 2:
        return ()
    one, two = sorted(sides, key=max)
    apart = not one & two and all(
        wrong <= two if right == one else wrong <= one for right, wrong in pairs
    )
    return tuple(sorted(two)) if apart else ()
