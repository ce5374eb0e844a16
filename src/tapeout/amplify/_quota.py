"""How many pairs are wanted of those whose greedy trace is right, and of the others."""

from collections.abc import Sequence

from ._solver import Pair
from ._traces import TraceConfig


def missing(config: TraceConfig, found: Sequence[Pair]) -> set[bool]:
    """The kinds (is the greedy trace right?) of which more pairs are wanted."""
    if config.right_share is None:
        return set() if config.pairs is not None and len(found) >= config.pairs else {True, False}
    kinds = [pair.greedy.right for pair in found]
    return {kind for kind in (True, False) if kinds.count(kind) < _most(config, kind)}


def choose(config: TraceConfig, pairs: Sequence[Pair]) -> list[Pair]:
    """The first pairs, as many of each kind as the share allows."""
    total = len(pairs) if config.pairs is None else min(config.pairs, len(pairs))
    if config.right_share is None:
        return list(pairs[:total])
    kinds = [pair.greedy.right for pair in pairs]
    for kind in (True, False):
        if part := _part(config.right_share, kind):
            total = min(total, int(kinds.count(kind) / part + 1e-9))
    right = round(total * config.right_share)
    left = {True: right, False: total - right}
    chosen = []
    for pair in pairs:
        if left[pair.greedy.right]:
            left[pair.greedy.right] -= 1
            chosen.append(pair)
    return chosen


def _most(config: TraceConfig, kind: bool) -> float:
    part = _part(config.right_share or 0.0, kind)
    if config.pairs is None:
        return float("inf") if part else 0.0
    return float(round(config.pairs * part))


def _part(share: float, kind: bool) -> float:
    return share if kind else 1 - share
