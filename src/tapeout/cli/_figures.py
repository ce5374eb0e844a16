"""The command that draws a run for a paper."""

from pathlib import Path
from typing import Literal

from rich.console import Console

from ._app import Positional, app
from ._pages import found_run


@app.command(name="figures")
def figures(
    run: Positional[Path],
    /,
    *,
    to: Path | None = None,
    format: tuple[Literal["pdf", "svg", "png"], ...] = ("pdf",),
    width: float = 5.5,
) -> None:
    """Draw what RUN found as figures for a paper (needs `pip install 'tapeout[figures]'`).

    Args:
        run: The folder of a run, or the name of one in runs/.
        to: Where the files go; figures/ in the run's folder if left out.
        format: One or several of pdf, svg, png.
        width: Of the figures, in inches; a column of two is about 3.3.
    """
    from ..report.figures import write_figures

    for path in write_figures(found_run(run), to, format, width=width):
        Console().print(path, markup=False, highlight=False)
