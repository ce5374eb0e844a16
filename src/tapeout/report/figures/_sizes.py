"""How large circuits of several models are at equal loss."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._at_loss import Sizes, size_ratio, sizes_at_loss
from ._source import Rows, rows_of
from ._style import WIDTH, drawn, legend, logarithmic, look, panels, plain

_APART = 1.03
"""Tasks of one target stand side by side, each so many times as far right."""


@drawn
def sizes(
    models: Mapping[str, Rows],
    fields: Sequence[str] = ("nodes", "edges"),
    *,
    ratio: bool = True,
    width: float = WIDTH,
) -> Figure:
    """A dot for every task and target loss (its geometric mean over seeds), a colour for a model.

    Circuits of no node at all, where the replacement alone reaches the target, count as one.

    Args:
        models: name -> rows of its circuits (see `report.sizes_at_loss`), or the folder of the
            comparison that made them.
        fields: sizes, a plot each.
        ratio: write above each target how many times as large the first model's circuits are than
            the last one's (geometric mean over the tasks that both reach; how many in brackets).
        width: inches.

    Raises:
        RunError: there are no rows.
    """
    rows = {name: rows_of(source) for name, source in models.items()}
    figure, plots = panels(width, 0.5 * width, 1, len(fields))
    for axes, field in zip(plots, fields, strict=True):
        found = sizes_at_loss(rows, field)
        for place, name in enumerate(models):
            _dots(
                axes, place, name, {t: list(of.get(name, {}).values()) for t, of in found.items()}
            )
        if ratio:
            _ratios(axes, found, *(list(models)[end] for end in (0, -1)))
        axes.set(xlabel="target loss, nats", ylabel=field)
        logarithmic(axes, "x")
        logarithmic(axes, "y")
        axes.set_xticks(list(found), [f"{target:g}" for target in found])
        axes.minorticks_off()
        axes.margins(0.15)
        axes.grid(axis="y")
    legend(figure, plots)
    return figure


def _dots(axes: Axes, place: int, name: str, at: Mapping[float, Sequence[float]]) -> None:
    across = [
        (target * _APART ** (task - (len(some) - 1) / 2), size)
        for target, some in at.items()
        for task, size in enumerate(sorted(some))
    ]
    x, y = zip(*across, strict=True) if across else ([], [])
    axes.plot(x, y, linestyle="", markersize=3, alpha=0.8, label=plain(name), **look(place))


def _ratios(axes: Axes, found: Mapping[float, Sizes], first: str, last: str) -> None:
    for target, of in found.items():
        count, ratio = size_ratio(of, first, last)
        if count and first != last:
            top = max(size for tasks in of.values() for size in tasks.values())
            axes.annotate(
                f"{ratio:.3g}× ({count})",
                (target, top),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
