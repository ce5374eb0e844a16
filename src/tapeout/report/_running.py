"""A run that goes on: what is there already, and how far it is."""

import json
import time
from pathlib import Path
from typing import Any

from ._heard import heard
from ._html import Html, join, name
from ._results import Results, read_results
from ._text import clean


def results_so_far(run: Path) -> Results:
    """The results, or that there are none yet.

    Raises:
        RunError: they are damaged, or of another schema.
    """
    if (run / "results.json").is_file():
        return read_results(run)
    return Results(clean(_recipe(run).get("name") or run.resolve().name), [])


def running_words(results: Results, run: Path) -> Html:
    """Which stages run, how far they are, and when that was heard."""
    now = heard(run / "events.jsonl")
    done = len(results.stages)
    whole = _planned(run)
    stages = f"{done:,} of {whole:,} stages" if whole else f"{done:,} stages"
    heard_at = time.strftime("%H:%M:%S", time.localtime(now.time)) if now.time else "not yet"
    rest = f"{stages} finished so far. Last heard of: {heard_at}. This page renews itself."
    running = [join(name(stage), _steps(*steps), "; ") for stage, steps in now.running.items()]
    return join("Running: " if running else "", *running, rest)


def _steps(done: float, total: float) -> str:
    return f", step {done:,.0f} of {total:,.0f}" if total else ""


def _planned(run: Path) -> int:
    """How many stages the recipe has; 0 if that cannot be told, as where it repeats some."""
    stages = _recipe(run).get("stages")
    if not isinstance(stages, dict) or any(
        isinstance(stage, dict) and "each" in stage for stage in stages.values()
    ):
        return 0
    return len(stages)


def _recipe(run: Path) -> dict[str, Any]:
    """What is run; nothing if that cannot be read."""
    try:
        found = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
