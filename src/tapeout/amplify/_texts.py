"""Pairs of traces as text, for readers: what was written up to the pivot, and both ways from it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import AmplifyError
from ._pivots import Pivot
from ._solver import Ids, Pair, Solver


def pair_texts(solver: Solver, pair: Pair, pivot: Pivot) -> dict[str, Any]:
    """One pair, parted at its pivot.

    Texts are differences of what longer and longer beginnings of the trace decode to, since a token
    alone may decode without the space before it.

    Returns:
        the problem's `question` and `answer`, its `template_id` and `instance_id`, whether the
        greedy trace is the right one (`greedy_right`); of the sampled trace what stands `before`
        the pivot, the token `sampled` there, and what comes `after` it; the token `greedy` that
        leads the greedy way; the greedy trace as `greedy_trace`.
    """
    ids, place = pair.other.ids, pivot.place
    before, upto, whole = (_text(solver, ids[:end]) for end in (place, place + 1, len(ids)))
    problem = pair.problem
    return {
        "question": problem.question,
        "answer": str(problem.answer),
        "template_id": problem.template_id,
        "instance_id": problem.instance_id,
        "greedy_right": pair.greedy.right,
        "before": before,
        "sampled": _beyond(before, upto) or _text(solver, ids[place : place + 1]),
        "greedy": _beyond(before, _text(solver, (*ids[:place], pivot.greedy)))
        or _text(solver, (pivot.greedy,)),
        "after": _beyond(upto, whole),
        "greedy_trace": _text(solver, pair.greedy.ids),
    }


def write_texts(
    path: Path, solver: Solver, pairs: Sequence[Pair], pivots: Sequence[Pivot | None]
) -> None:
    """A line for each pair that has a pivot.

    Raises:
        AmplifyError: the file cannot be written.
    """
    both = zip(pairs, pivots, strict=True)
    lines = [json.dumps(pair_texts(solver, pair, pivot)) for pair, pivot in both if pivot]
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise AmplifyError(f"cannot write {path}: {error}") from error


def _text(solver: Solver, ids: Ids) -> str:
    return solver.model.tokenizer.decode(
        list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
    )


def _beyond(start: str, text: str) -> str:
    """What a text adds to its start; a character whose bytes lie in several tokens parts late."""
    shared = 0
    while shared < min(len(start), len(text)) and start[shared] == text[shared]:
        shared += 1
    return text[shared:]
