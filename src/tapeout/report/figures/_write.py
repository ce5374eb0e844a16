"""All figures that a run has something for, as files."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ...errors import RunError, nearest
from .._results import CIRCUITS, Results, read_results
from ._accuracies import arms, evidence
from ._frontier import frontier
from ._layers import layers
from ._source import folder_of
from ._specificity import specificity
from ._style import WIDTH, save
from ._tradeoff import tradeoff
from ._transfer import transfer
from ._wiring import wiring

FORMATS = ("pdf", "svg", "png")
"""What figures can be written as."""

_OF_STAGES: dict[str, tuple[Callable[..., Figure], Sequence[str]]] = {
    "frontier": (frontier, ["frontier"]),
    "evidence": (evidence, ["verify"]),
    "layers": (layers, CIRCUITS),
    "transfer": (transfer, ["transfer"]),
    "arms": (arms, ["solve"]),
    "specificity": (specificity, ["directions"]),
}


def write_figures(
    run: str | Path,
    to: str | Path | None = None,
    formats: Sequence[str] = ("pdf",),
    *,
    width: float = WIDTH,
) -> list[Path]:
    """Draw what a run has found, a file for every kind of figure, and return their paths.

    Args:
        run: the run's folder.
        to: where to; `figures/` in the run's folder if left out.
        formats: some of `FORMATS`.
        width: inches.

    Raises:
        RunError: there are no results, nothing in them can be drawn, a format is unknown, or a
            file cannot be written.
    """
    for wanted in formats:
        if wanted not in FORMATS:
            raise RunError(f"no format {wanted!r}: {nearest(wanted, FORMATS)}")
    folder = folder_of(run)
    place = folder / "figures" if to is None else Path(to)
    written = [
        save(figure, place / f"{name}.{ending}")
        for name, figure in _figures(folder, read_results(folder), width)
        for ending in formats
    ]
    if not written:
        kinds = sorted({kind for _, wanted in _OF_STAGES.values() for kind in wanted})
        raise RunError(
            f"{folder} has nothing that is drawn: no finished stage of kind {', '.join(kinds)} or "
            "weight_edges, and no comparison"
        )
    return written


def _figures(folder: Path, results: Results, width: float) -> Iterator[tuple[str, Figure]]:
    there = {stage.kind for stage in results.stages}
    for name, (make, kinds) in _OF_STAGES.items():
        if there.intersection(kinds):
            yield name, make(folder, width=width)
    drawable = results.of_kind("weight_edges")
    for stage in drawable:
        name = "wiring" if len(drawable) == 1 else f"wiring-{stage.name}"
        yield name, wiring({stage.name: stage.metrics})
    if (folder / "comparison.json").is_file():
        yield "tradeoff", tradeoff(folder, width=width)
