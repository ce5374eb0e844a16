"""Keeping the page of a run up to date while it goes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from ..errors import RunError
from ._heard import heard
from ._page import write_so_far

Ending = Literal["ended", "stopped"]

SECONDS = 3.0
SHARE = 0.1
"""Writing pages takes at most this part of the time."""


def follow(
    run: str | Path,
    *,
    seconds: float = SECONDS,
    told: Callable[[Path], None] = lambda page: None,
    wait: Callable[[float], None] = time.sleep,
) -> Ending:
    """Write a run's page again and again, until the run ends or Ctrl-C comes.

    The page loads itself anew. No server is needed, and what is left at the end is the run's
    ordinary page, or that of what it has found so far. A run that was killed says nothing any
    more: its page tells when it was last heard of.

    Args:
        run: the run's folder.
        seconds: between two pages; more where a page takes long to write.
        told: called once, with the first page.
        wait: sleeps.

    Returns:
        `ended` by the run's own word, `stopped` by Ctrl-C.

    Raises:
        RunError: there is no such run, its results are damaged, or the page cannot be written.
    """
    run = Path(run)
    if not (run / "events.jsonl").is_file():
        raise RunError(f"there is nothing to follow in {run}: no run has started there")
    try:
        return _followed(run, seconds, told, wait)
    except KeyboardInterrupt:
        return "stopped"
    finally:
        write_so_far(run)


def _followed(
    run: Path, seconds: float, told: Callable[[Path], None], wait: Callable[[float], None]
) -> Ending:
    first = True
    while True:
        began = time.perf_counter()
        ended = heard(run / "events.jsonl").ended
        page = write_so_far(run, renew=None if ended else seconds)
        if first:
            told(page)
            first = False
        if ended:
            return "ended"
        wait(max(seconds, (time.perf_counter() - began) / SHARE))
