"""Accuracies with intervals, one below the other: a circuit beside its controls, and arms."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._amplified import Gain
from .._evidence import Evidence, Row
from .._fields import Fields
from .._text import accuracy_words, joined
from .._values import Share
from ._source import Source, read
from ._style import COLOURS, GREY, WIDTH, drawn, panels, percents, plain, spread

_ROW, _REST = 0.19, 0.5
"""Inches of a line, and of what stands around the lines."""


@drawn
def evidence(source: Source, *, width: float = WIDTH) -> Figure:
    """Full model, circuit, controls, and what is left without it; the line is the full model.

    Whiskers are 95% Wilson intervals; of controls (hollow), the range over seeds.

    Args:
        source: a run's folder, a `verify.Recovery`, or several by name.
        width: inches.

    Raises:
        RunError: there is no proof, or what is given is damaged.
    """
    proofs = [(name, Evidence.of(fields)) for name, fields in read(source, ["verify"])]
    lines = [proof.rows() for _, proof in proofs]
    heights = [_ROW * len(rows) + 0.15 for rows in lines]
    figure, plots = panels(
        width, sum(heights) + _REST, len(proofs), sharex=True, height_ratios=heights
    )
    for axes, (name, proof), rows in zip(plots, proofs, lines, strict=True):
        labels = [f"{row.label} ({row.note})" if row.note else row.label for row in rows]
        _lines(axes, labels, rows)
        axes.axvline(proof.full.value, color=GREY, linewidth=0.8)
        about = f"{proof.setting.split}, {proof.setting.replacement}, n = {proof.n:,}"
        axes.set_title(plain(f"{name}: {about}" if name else about, 90), loc="left")
    criteria = sorted({accuracy_words(proof.setting.criterion) for _, proof in proofs})
    plots[-1].set_xlabel(plain(joined(criteria)))
    return figure


@drawn
def arms(source: Source, *, width: float = WIDTH) -> Figure:
    """What models solve, and their gain over the baseline on the same problems.

    Whiskers are 95% intervals: Wilson's of what is solved, a paired bootstrap's of the gain.

    Args:
        source: the folder of a run with `solve` stages, or what such stages report by name.
        width: inches.

    Raises:
        RunError: nothing was solved, or what is given is damaged.
    """
    found = read(source, ["solve"])
    gains = [_gain(fields) for _, fields in found]
    both = any(gain is not None for gain in gains)
    figure, plots = panels(width, _ROW * len(found) + _REST, 1, 1 + both, sharey=True)
    solved = [Share.of(fields.child("accuracy")) for _, fields in found]
    rows = [Row("", s.value, s.low, s.high, "", "") for s in solved]
    about = [
        plain(f"{f.text('split')}, n = {s.n:,}") for (_, f), s in zip(found, solved, strict=True)
    ]
    alike = len(set(about)) == 1
    names = [plain(name) for name, _ in found]
    labels = [n if alike else f"{n} ({a})" for n, a in zip(names, about, strict=True)]
    _lines(plots[0], labels, rows)
    plots[0].set_xlabel(f"problems solved ({about[0]})" if alike else "problems solved")
    if both:
        _gains(plots[1], gains)
    return figure


def _gain(fields: Fields) -> Gain | None:
    return Gain.of(fields.child("gain").child("by_problem")) if "gain" in fields else None


def _gains(axes: Axes, gains: Sequence[Gain | None]) -> None:
    there = [(place, gain.points) for place, gain in enumerate(gains) if gain is not None]
    points = [100 * gain.value for _, gain in there]
    ends = spread(points, [100 * g.low for _, g in there], [100 * g.high for _, g in there])
    places = [place for place, _ in there]
    axes.errorbar(points, places, xerr=ends, fmt="o", color=COLOURS[0], capsize=2)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel("gain over the baseline, points")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")


def _lines(axes: Axes, labels: Sequence[str], rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        inside = "white" if row.control else COLOURS[0]
        ends = spread([row.value], [row.low], [row.high])
        style = {"color": COLOURS[0], "markerfacecolor": inside, "capsize": 2}
        axes.errorbar([row.value], [place], xerr=ends, fmt="o", **style)
    axes.set_yticks(range(len(rows)), list(labels))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    percents(axes, "x", "")
