import math
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.report._axes import Axes, knee_for
from tapeout.report._curve import round_steps

from . import samples
from .samples import Page, page_of, stage

GEOMETRY = {
    "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "viewbox", "d", "points",
    "transform",
}  # fmt: skip


def numbers(page: str) -> list[float]:
    """Every number that places something in a drawing."""
    found = []
    for tag, attributes in Page(page).elements:
        for key, value in attributes.items():
            if key in GEOMETRY and tag not in ("meta", "html"):
                assert not re.search("nan|inf|e[+-]?[0-9]", value), (tag, key, value)
                found += [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", value)]
    return found


DEGENERATE = {
    "one point": samples.frontier([(0, 0)], smallest=None),
    "no point": samples.frontier([], smallest=None),
    "full accuracy 0": samples.frontier([(0, 0), (100, 0)], full=0, smallest=0),
    "all at one size": samples.frontier([(100, 19)] * 3, smallest=100),
    "all right": samples.frontier([(0, 20), (100, 20)], full=20, smallest=0),
    "one node": samples.frontier([(0, 0), (1, 20)], full=20, smallest=1, nodes=1),
    "a large universe": samples.frontier([(0, 0), (1, 1), (10**9, 20)], nodes=10**9),
}


@pytest.mark.parametrize("metrics", DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_frontiers_have_valid_numbers(metrics: samples.Json, tmp_path: Path) -> None:
    stages = {"a": stage("frontier", metrics), "circuit": stage("select")}
    found = numbers(page_of(tmp_path, stages))
    assert found and all(math.isfinite(number) and -100 < number < 1000 for number in found)


def test_hypothesis_frontiers(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("page")
    points = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 20)), max_size=12)

    @given(points, st.integers(0, 20), st.integers(1, 3))
    def check(rows: list[tuple[int, int]], full: int, series: int) -> None:
        metrics = samples.frontier(rows, full=full, smallest=None, nodes=1000)
        stages = {f"f{n}": stage("frontier", metrics) for n in range(series)}
        page = page_of(folder, stages)
        numbers(page)
        assert page.count('class="dot"') == series * (2 * len(rows) + 1)  # and in the legend

    check()


def test_points_lie_where_their_numbers_say(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"f": stage("frontier")})
    (wide, narrow) = re.findall('<polyline class="curve" points="(.*?)"', page)
    for line, width in ((wide, 760), (narrow, 360)):
        places = [tuple(map(float, pair.split(","))) for pair in line.split(" ")]
        xs, ys = zip(*places, strict=True)
        assert list(xs) == sorted(xs) and xs[0] < 50 and width - 20 < xs[-1] < width
        assert list(ys) == sorted(ys, reverse=True)  # 0, 4, 18, 19 right: ever higher
        assert (ys[0] - ys[1]) / (ys[0] - ys[2]) == pytest.approx(4 / 18, abs=0.01)
    assert "25 nodes, 25.0%\n18/20 right, 90.0%, 95% interval 69.9–97.2%" in Page(page).text


def test_levels_are_named_over_the_curves(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"f": stage("frontier")})
    for chart in page.split('<svg class="chart')[1:]:
        curves, label = chart.rindex("<polyline"), chart.index("target, 85.5%</text>")
        assert chart.index('class="level target"') < curves < label


def test_levels_of_several_models_are_named_together(tmp_path: Path) -> None:
    other = samples.frontier([(0, 0), (100, 18)]) | {"full": samples.share(18, 20)}
    both = {"first": stage("frontier"), "second": stage("frontier", other)}
    page = page_of(tmp_path, both)
    for chart in page.split('<svg class="chart')[1:]:
        assert chart.count('class="level full"') == chart.count('class="level target"') == 2
        assert chart.count("full models, 90.0% to 95.0%</text>") == 1
        assert chart.count("targets, 81.0% to 85.5%</text>") == 1
    same = Page(page_of(tmp_path, {"first": stage("frontier"), "second": stage("frontier")})).text
    assert "full models" not in same and "full model, 95.0%" in same


@pytest.mark.parametrize(
    ("last", "steps"),
    [
        (0, [0]),
        (3, [0, 1, 2, 3]),
        (30, [0, 10, 20, 30]),
        (320, [0, 100, 200, 300]),
        (1500, [0, 500, 1000, 1500]),
    ],
)
def test_steps_are_round(last: int, steps: list[int]) -> None:
    assert round_steps(last) == steps


@given(st.integers(0, 10**7))
def test_steps_leave_no_part_bare(last: int) -> None:
    steps = round_steps(last)
    assert len(steps) <= 6 and last - steps[-1] < max(steps[1] if steps[1:] else 1, 1)


def test_infinite_metrics_are_said_not_drawn(tmp_path: Path) -> None:
    metrics = samples.verify(kl={"value": math.inf, "low": math.nan, "high": math.inf, "n": 40})
    page = page_of(tmp_path, {"v": stage("verify", metrics)})
    assert "∞ [not a number, ∞]" in page
    numbers(page)


def test_layer_bars_are_as_high_as_what_is_kept(tmp_path: Path) -> None:
    metrics = samples.select()
    for row, kept in zip(metrics["by_layer"], (46, 23, 1, 0), strict=True):
        row["kept"] = kept
    metrics["by_layer"][2]["total"] = 1_000_000
    page = page_of(tmp_path, {"s": stage("select", metrics)})
    heights = [float(h) for h in re.findall('class="kept".*? height="(.*?)"', page)]
    assert heights[0] == 2 * heights[1] > 0
    assert 0 < heights[2] < 2 and heights[3] == 0  # one of a million can still be seen
    names = re.findall(r"<text[^>]*>([^<]*)</text>", page[page.index('class="strip"') :])
    assert names[:3] == ["0", "1", "layer"]
    assert "layer 1: 23 of 46 \u2068MLP channels\u2069, 50.0%" in Page(page).text


@pytest.mark.parametrize("shares", [[], [0.0], [0.001, 1.0], [0.5], [1e-9]])
@pytest.mark.parametrize("width", [360.0, 760.0])
def test_ticks(shares: list[float], width: float) -> None:
    knee = knee_for(shares)
    axes = Axes(width=width, height=300.0, left=40.0, right=10.0, top=10.0, bottom=40.0, knee=knee)
    ticks = axes.ticks(gap=34.0)
    places = [axes.x(tick) for tick in ticks]
    assert ticks[0] == 0 and ticks[-1] == 1 and len(ticks) >= 5
    assert all(right - left >= 34 for left, right in pairwise(places))
    assert axes.x(-1.0) == axes.x(0.0) == 40 and axes.x(2.0) == axes.x(1.0) == width - 10
