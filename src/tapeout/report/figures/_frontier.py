"""Accuracy over the size of circuits, with intervals and controls."""

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._axes import Axes as Ruler
from .._axes import knee_for
from .._evidence import Evidence
from .._results import read_results
from .._text import accuracy_words, joined
from .._views import Frontier, Point, Sizes
from ._source import Source, folder_of, read
from ._style import GREY, WIDTH, drawn, interval, legend, look, panels, percents, plain

_GAP = 26.0
"""Points that the label of a tick needs."""


@drawn
def frontier(source: Source, proofs: Source | None = None, *, width: float = WIDTH) -> Figure:
    """Accuracy of the top-scored circuits of rising size, with 95% Wilson intervals.

    Beside it, where proofs are of the same task, replacement and number of nodes: the proved
    circuits on their own split, random circuits of their sizes (mean and range over seeds), and
    the empty circuit.

    Args:
        source: a run's folder, a `verify.Frontier`, or several by name.
        proofs: a `verify.Recovery`, or several; of a run's folder, those that it has.
        width: inches.

    Raises:
        RunError: there is no frontier, or what is given is damaged.
    """
    found = read(source, ["frontier"], {"target": 0.0, "relative": False})
    series = [(name, Frontier.of(fields)) for name, fields in found]
    figure, (axes,) = panels(width, 0.5 * width)
    _scale(axes, [point.share for _, line in series for point in line.points], width)
    lines = [line for _, line in series]
    own, shared = _told(lines)
    for place, (name, line) in enumerate(series):
        label = plain(name) or "top-scored circuits"
        _curve(axes, place, f"{label} ({own[place]})" if own[place] else label, line)
    _levels(axes, lines)
    _controls(axes, [p for p in _proofs(source, proofs) if any(_fits(p, f) for f in lines)])
    criteria = sorted({accuracy_words(line.setting.criterion) for line in lines})
    percents(axes, "y", "\n".join([plain(joined(criteria)), *shared]))
    legend(figure, [axes])
    return figure


def _scale(axes: Axes, shares: Sequence[float], width: float) -> None:
    """About logarithmic, but linear near 0, so that the empty circuit has a place too."""
    knee, points = knee_for(shares), 72 * 0.86 * width
    whole = np.log1p(1 / knee)
    axes.set_xscale(
        "function",
        functions=(
            lambda share: np.log1p(np.maximum(share, -0.9 * knee) / knee) / whole,
            lambda place: knee * np.expm1(np.asarray(place) * whole),
        ),
    )
    ruler = Ruler(points, 1.0, left=0.0, right=0.0, top=0.0, bottom=0.0, knee=knee)
    ticks = ruler.ticks(gap=_GAP)
    axes.set_xticks(ticks, [f"{100 * tick:.6g}%" if tick else "0" for tick in ticks])
    axes.set_xlim(*(float(knee * np.expm1(end * whole)) for end in (-0.02, 1.02)))
    axes.set_xlabel("nodes kept (logarithmic, linear near 0)")


def _told(lines: Sequence[Frontier]) -> tuple[list[str], list[str]]:
    """Where and how they were measured: what is each one's own, and what all have in common."""
    facts = [
        (plain(f"{line.setting.split}, n = {line.full.n:,}"), plain(line.setting.replacement))
        for line in lines
    ]
    shared = [len(set(column)) == 1 for column in zip(*facts, strict=True)]
    own = [", ".join(f for f, same in zip(row, shared, strict=True) if not same) for row in facts]
    common = (facts[0][0], f"{facts[0][1]} replacement")
    return own, [fact for fact, same in zip(common, shared, strict=True) if same]


def _curve(axes: Axes, place: int, name: str, found: Frontier) -> None:
    x = [point.share for point in found.points]
    accuracies = [point.accuracy for point in found.points]
    style = look(place)
    axes.plot(x, [a.value for a in accuracies], label=name, **style)
    low, high = [a.low for a in accuracies], [a.high for a in accuracies]
    axes.fill_between(x, low, high, color=style["color"], alpha=0.18, linewidth=0)


def _levels(axes: Axes, found: Sequence[Frontier]) -> None:
    """The full model, and the accuracy that was looked for where one was."""
    for value in {round(line.full.value, 2): line.full.value for line in found}.values():
        axes.axhline(value, color=GREY, linewidth=0.8, label="full model")
    for value in {round(line.bar, 2): line.bar for line in found if line.bar}.values():
        axes.axhline(value, color=GREY, linewidth=0.8, linestyle=":", label="target")


def _proofs(source: Source, proofs: Source | None) -> list[Evidence]:
    if proofs is not None:
        return [Evidence.of(fields) for _, fields in read(proofs, ["verify"])]
    if isinstance(source, str | Path):
        return [found for _, found in read_results(folder_of(source)).proofs]
    return []


def _fits(proof: Evidence, found: Frontier) -> bool:
    one, other = proof.setting, found.setting
    same = (one.task, one.replacement) == (other.task, other.replacement)
    return same and bool(found.points) and _nodes(proof.sizes) == _nodes(found.points[-1])


def _nodes(found: Point | Sizes) -> int:
    return round(found.size / found.share) if found.share else 0


def _controls(axes: Axes, proofs: Sequence[Evidence]) -> None:
    for proof in proofs:
        at, alone, empty = proof.sizes.share, proof.autoregressive, proof.empty
        label = f"selected circuit ({plain(proof.setting.split)}, n = {proof.n:,})"
        interval(axes, at, alone.value, alone.low, alone.high, "D", "black", label)
        if proof.random:
            values = [share.value for share in proof.random]
            ends = statistics.fmean(values), min(values), max(values)
            interval(axes, at, *ends, "x", GREY, "random circuits of its size (range)")
        interval(axes, 0.0, empty.value, empty.low, empty.high, "+", GREY, "empty circuit")
