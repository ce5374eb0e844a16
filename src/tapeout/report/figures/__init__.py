"""Figures for papers, drawn by matplotlib (`pip install 'tapeout[figures]'`).

Every function takes the folder of a run, what a stage reports, or the objects themselves, and
returns a matplotlib figure to save or to go on with.
"""

try:
    import matplotlib as _  # noqa: F401
except ImportError as error:
    from ...errors import RunError

    raise RunError(
        "figures need matplotlib, which is not installed: pip install 'tapeout[figures]'"
    ) from error

from ._accuracies import arms, evidence
from ._frontier import frontier
from ._layers import layers
from ._sizes import sizes
from ._source import Rows, Source
from ._specificity import specificity
from ._style import COLOURS, WIDTH, save
from ._tradeoff import tradeoff
from ._transfer import transfer
from ._wiring import wiring
from ._write import FORMATS, write_figures

__all__ = [
    "COLOURS",
    "FORMATS",
    "WIDTH",
    "Rows",
    "Source",
    "arms",
    "evidence",
    "frontier",
    "layers",
    "save",
    "sizes",
    "specificity",
    "tradeoff",
    "transfer",
    "wiring",
    "write_figures",
]
