"""Conditioned models and the sizes of their circuits, on the page and in the terminal."""

from pathlib import Path

import pytest

from tapeout.errors import RunError
from tapeout.report import conditioned_table, smallest_table, tables_of

from . import samples
from .samples import Page, page_of, stage
from .test_terminal import drawn, line


def test_what_a_conditioned_model_kept() -> None:
    text = drawn(conditioned_table(samples.condition()), width=120)
    assert line(text, "addition/test").split()[1:4] == ["40", "90.0%", "95.0%"]
    assert line(text, "text/test").split()[4] == "0.750"
    assert "the lowest KL that holds at least 90.0% accuracy with a circuit of 2.00%" in " ".join(
        text.split()
    )


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        (samples.condition(degenerate=True), "the base itself already holds at least 90.0%"),
        (samples.condition(held=False), "no scale holds"),
    ],
)
def test_why_a_scale_was_taken(metrics: samples.Json, told: str) -> None:
    assert told in " ".join(drawn(conditioned_table(metrics), width=200).split())
    metrics["sweep"]["target"] = 0.0
    text = " ".join(drawn(conditioned_table(metrics), width=200).split())
    assert "merged at scale 0.500: no accuracy was asked for" in text


def test_sizes_side_by_side() -> None:
    text = drawn(smallest_table([("before", samples.smallest()), ("after", samples.smallest())]))
    assert line(text, "before").split()[1:] == ["zero", "100.0%", *["3", "(3.00%)"] * 2]
    assert text.count("none") == 4


def test_on_the_page(tmp_path: Path) -> None:
    stages = {
        "small": stage("condition", samples.condition()),
        "sizes": stage("smallest", samples.smallest()),
    }
    page = Page(page_of(tmp_path, stages)).text
    assert "Conditioned models" in page and "Circuit, zero" in page
    assert "Smallest circuits" in page and "smollm2, conditioned on addition" in page


def test_rows_of_one_split_are_told_apart(tmp_path: Path) -> None:
    found = samples.condition()
    first = next(iter(found["others"].values()))
    found["others"] = {"three-digits": first, "four-digits": first}
    text = Page(page_of(tmp_path, {"small": stage("condition", found)})).text
    assert f"{first['split']} (three-digits)" in text and f"{first['split']} (four-digits)" in text
    ways = {name: stage("smallest", samples.smallest()) for name in "ab"}
    assert "that keep 90.0%: " in Page(page_of(tmp_path, ways)).text
    ways["b"]["metrics"]["replacements"]["zero"]["split"] = "ioi/test"
    text = Page(page_of(tmp_path, ways)).text
    assert "that keep 90.0%. " in text and "b: ioi/test" in text


def test_losses_are_drawn_over_steps(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, {"small": stage("condition", samples.condition())}))
    assert "cross-entropy with the circuit alone" in page.text
    assert "KL from the base on the anchors" not in page.text
    lines = [fields["points"] for name, fields in page.elements if name == "polyline"]
    assert len(lines) == 2 * 2
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in lines]
    assert heights[0] == sorted(heights[0])  # the loss falls, so the line goes down
    assert len(set(heights[1])) == 1  # all below the axis, and drawn on it
    assert "Values below 0.0001 are drawn at it." in page.text
    bare = samples.condition()
    del bare["curve"]
    bare = Page(page_of(tmp_path, {"small": stage("condition", bare)}))
    assert not any(name == "polyline" for name, _ in bare.elements)


def test_a_trained_model_tells_how_sparse_it_is(tmp_path: Path) -> None:
    stages = {"twin": stage("train", samples.train())}
    text = drawn(*tables_of(stages), width=120)
    assert line(text, "twin").split()[1:] == ["80", "8.00%", "6.25%", "3.00%", "1,000", "4.50"]
    page = Page(page_of(tmp_path, stages))
    assert "Trained models" in page.text and "512 tokens" in page.text
    lines = [fields["points"] for name, fields in page.elements if name == "polyline"]
    assert [len(points.split()) for points in lines] == [4, 4]
    dots = [fields for name, fields in page.elements if name == "circle"]
    assert len(dots) == 2 + 1  # a single point is no line: once a chart, and in the legend


def test_damage_is_told() -> None:
    with pytest.raises(RunError, match="sweep"):
        conditioned_table({"source": "x", "scale": 1.0, "held": True})
    with pytest.raises(RunError, match="target"):
        smallest_table([("a", {"replacements": {}})])
