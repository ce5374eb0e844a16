"""What nodes hold at every token of a few prompts, and where their heads attend."""

from typing import Any

import numpy as np

from .._text import clean, seen_lines
from ._pack import Pack

MOST_HELD = 500_000
"""So many activations at tokens go along; of more pairs the first, of more nodes those that tell
the sides of a pair apart best."""

MOST_ATTENDED = 2_000_000
"""So many attention weights go along, a byte each; of more pairs the first."""

_SHARES = 255


def prompts_of(
    about: dict[str, Any],
    arrays: dict[str, np.ndarray],
    known: list[int],
    pack: Pack,
    notes: list[str],
) -> dict[str, Any]:
    """Both sides of as many pairs as there is room for.

    Args:
        about: what the stage says of the prompts; a head is its layer, its number, its key's.
        arrays: `held.PAIR.SIDE` and `attention.PAIR.SIDE`, and the `pairs` at the answer.
        known: places of the nodes that are shown.
        notes: told what is left out.

    Raises:
        KeyError, TypeError, ValueError, IndexError: something is missing or of another form.
    """
    tokens = about["tokens"]
    chosen = _chosen(tokens, arrays["pairs"][known], notes)
    shown, attended = _pairs(about, len(chosen), notes)
    rows = np.asarray(known, dtype=np.int64)[chosen]

    def side(pair: int, own: int) -> dict[str, Any]:
        said, held = tokens[pair][own], arrays[f"held.{pair}.{own}"]
        weights = arrays[f"attention.{pair}.{own}"] if pair < attended else None
        return {
            "tokens": [seen_lines(clean(token)) for token in said],
            "held": pack.rows(_wide(held, said)[rows]),
            "attention": None if weights is None else _attention(weights, pack),
        }

    return {
        "place": pack.array(chosen, "u4"),
        "heads": [[int(layer), int(head), int(key)] for layer, head, key in about["heads"]],
        "head_dim": int(about["head_dim"]),
        "scale": None if about["scale"] is None else float(about["scale"]),
        "cut": [int(own) for own in about["cut"][:shown]],
        "pairs": [[side(pair, own) for own in (0, 1)] for pair in range(shown)],
    }


def _chosen(tokens: list[Any], pairs: np.ndarray, notes: list[str]) -> np.ndarray:
    """Places of the nodes that one pair has room for: those that tell its sides apart best."""
    room = MOST_HELD // max(sum(map(len, tokens[0])), 1) if tokens else 0
    if not tokens or len(pairs) <= room:
        return np.arange(len(pairs))
    notes.append(
        f"what {len(pairs) - room:,} nodes hold token by token: of those that differ least"
    )
    apart = np.abs(pairs[..., 0] - pairs[..., 1]).mean(axis=1)
    return np.sort(np.argsort(-apart, kind="stable")[:room])


def _pairs(about: dict[str, Any], nodes: int, notes: list[str]) -> tuple[int, int]:
    """Of how many pairs activations go along, and of how many attention too."""
    tokens, heads = about["tokens"], len(about["heads"])
    shown = _fitting([nodes * sum(map(len, pair)) for pair in tokens], MOST_HELD)
    areas = [heads * sum(_triangle(len(side)) for side in pair) for pair in tokens[:shown]]
    attended = _fitting(areas, MOST_ATTENDED)
    if attended < len(tokens):
        left, unseen = len(tokens) - shown, len(tokens) - attended
        notes.append(
            f"what nodes hold token by token on {left:,} of {len(tokens):,} pairs, and attention "
            f"on {unseen:,} of them"
        )
    return shown, attended


def _wide(held: np.ndarray, tokens: list[str]) -> np.ndarray:
    if held.ndim != 2 or held.shape[1] != len(tokens):
        raise ValueError(f"{held.shape} activations at {len(tokens)} tokens")
    return held


def _fitting(sizes: list[int], most: int) -> int:
    """How many of the first go into `most` together."""
    return int((np.cumsum(sizes) <= most).sum())


def _triangle(long: int) -> int:
    return long * (long + 1) // 2


def _attention(weights: np.ndarray, pack: Pack) -> dict[str, int] | None:
    """What is not ahead of each token, row by row, in 255ths; None of no head."""
    if not len(weights):
        return None
    rows, columns = np.tril_indices(weights.shape[-1])
    shares = np.nan_to_num(weights[:, rows, columns].astype(np.float32)).clip(0, 1)
    return pack.array(np.rint(shares * _SHARES), "u1")
