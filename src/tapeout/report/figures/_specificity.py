"""Directions in parameter space: what moving along each changes where it is active."""

from matplotlib.figure import Figure

from .._decomposed import WORDS
from .._fields import Fields
from ._source import Source, read
from ._style import GREY, WIDTH, drawn, legend, logarithmic, look, panels, plain


@drawn
def specificity(source: Source, *, width: float = WIDTH) -> Figure:
    """Effect ratios of the directions that were measured, from the largest to the smallest.

    The ratio says how many times more the model's predictions change (KL) where a direction is
    active than elsewhere, when weights are moved along it until predictions change alike.

    Args:
        source: the folder of a run with `directions` stages, or what such stages report by name.
        width: inches.

    Raises:
        RunError: nothing was measured, or what is given is damaged.
    """
    found = read(source, ["directions"])
    curves = [curve for name, fields in found for curve in _curves(name, fields, len(found) > 1)]
    figure, (axes,) = panels(width, 0.5 * width)
    for place, (name, ratios) in enumerate(curves):
        ranks = [100 * (rank + 0.5) / len(ratios) for rank in range(len(ratios))]
        label = f"{plain(name)} ({len(ratios)} directions)"
        axes.plot(ranks, sorted(ratios, reverse=True), label=label, **look(place))
    axes.axhline(1, color=GREY, linewidth=0.8)
    logarithmic(axes, "y")
    axes.set_xlabel("directions, from the most specific one, %")
    axes.set_ylabel("change where active,\ntimes that elsewhere")
    axes.grid(axis="y")
    legend(figure, [axes])
    return figure


def _curves(stage: str, fields: Fields, several: bool) -> list[tuple[str, list[float]]]:
    """Every set of directions of which some were measured."""
    curves = []
    for one in fields.children("sets"):
        key = one.text("name")
        title = WORDS.get(key, f"learned, seed {key.rpartition('-')[2]}")
        rows = one.child("specificity").children("rows")
        ratios = [row.finite("active") / max(row.finite("rest"), 1e-12) for row in rows]
        if ratios:
            curves.append((f"{stage}: {title}" if several else title, ratios))
    return curves
