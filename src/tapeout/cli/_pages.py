"""Commands about the pages of finished runs: report, view."""

import json
import webbrowser
from pathlib import Path

from rich.console import Console

from ..errors import RunError
from ._app import Positional, app

RUNS = Path("runs")


@app.command(name="report")
def report(runs: Positional[tuple[Path, ...]], /) -> None:
    """Write the page of every RUN anew, from what the run has found so far.

    Args:
        runs: Folders of runs, or names of runs in runs/.
    """
    for run in runs:
        for page in _pages(found_run(run)):
            _say(f"report: {page}")


@app.command(name="view")
def view(run: Positional[Path], /, *, follow: bool = False, seconds: float = 3.0) -> None:
    """Open the page of RUN in a browser; it is written first if the run has none.

    Args:
        run: The folder of a run, or the name of one in runs/.
        follow: Write the page again and again while the run goes on; Ctrl-C stops that.
        seconds: Between two pages that are written so.
    """
    if follow:
        _follow(found_run(run, "events.jsonl"), seconds)
        return
    folder = found_run(run)
    pages = [folder / name for name in ("comparison.html", "report.html")]
    _open(next((page for page in pages if page.is_file()), None) or _pages(folder)[-1])


def _follow(folder: Path, seconds: float) -> None:
    from ..report import follow

    def told(page: Path) -> None:
        _open(page, "#view=train")
        _say(f"following {folder}: {page} renews itself until the run ends; Ctrl-C stops that")

    ending = follow(folder, seconds=seconds, told=told)
    _say(f"{'the run has ended' if ending == 'ended' else 'stopped'}: {folder / 'report.html'}")


def _open(page: Path, place: str = "") -> None:
    if not webbrowser.open(page.resolve().as_uri() + place):
        _say(f"no browser was found; open {page}")


def _say(words: str) -> None:
    Console().print(words, markup=False, highlight=False)


def found_run(run: Path, file: str = "results.json") -> Path:
    """The folder of a run; its name in runs/ does too."""
    for folder in (run, RUNS / run):
        if (folder / file).is_file():
            return folder
    raise RunError(
        f"there is no run {run}: a run's folder has a file {file}; `tapeout runs` lists those in "
        f"{RUNS}/"
    )


def _pages(folder: Path) -> list[Path]:
    """The run's report, and the comparison if it is one."""
    from ..report import write_methods_page, write_report

    pages = [write_report(folder)]
    compared = folder / "comparison.json"
    if compared.is_file():
        try:
            found = json.loads(compared.read_text(encoding="utf-8"))
            rest = (found["name"], found["rows"], found["unreached"])
        except (OSError, ValueError, KeyError) as error:
            raise RunError(f"{compared} is damaged ({error}): compare again") from error
        pages.append(write_methods_page(folder, *rest))
    return pages
