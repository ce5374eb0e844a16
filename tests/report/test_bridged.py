"""Bridges and steering, on the page and in the terminal."""

from pathlib import Path

import pytest

from tapeout.errors import RunError

from . import samples
from .samples import Page, page_of, stage
from .test_terminal import drawn, every, line

STAGES = {"both": stage("bridge", samples.bridge()), "moved": stage("steer", samples.steer())}


def test_crossings_in_the_terminal() -> None:
    text = drawn(*every({"both": STAGES["both"]}), width=110)
    assert line(text, "attention 0").split()[:5] == ["attention", "0", "to", "sparse", "0.0625"]
    assert "−0.0312" in text
    assert "n = 512 tokens; alone, the dense model's loss is 3.50" in " ".join(text.split())


def test_strengths_in_the_terminal() -> None:
    text = " ".join(drawn(*every({"moved": STAGES["moved"]})).split())
    assert "0.5 50.0% 50.0% 0.0–100.0% 50.0%" in text
    assert "found on quotes/train[:100] among 2" in text
    assert "That moves it by 0.500, and its part of both answers by 1.00" in text
    assert "; all of its place together by 0.625 and 1.25" in text
    assert "; 2 random ones by 0.0625 and 0.125 at most" in text
    assert "on the other prompt itself it is 87.5%" in text


def test_without_controls() -> None:
    text = drawn(*every({"moved": stage("steer", samples.steer(random=0))}))
    assert "random" not in text


def test_random_channels_that_steer_as_far(tmp_path: Path) -> None:
    said = "Random channels may steer as far. One moves the part of both answers by 1.00, not below"
    assert said not in Page(page_of(tmp_path, STAGES)).text
    as_far = STAGES | {"moved": stage("steer", samples.steer(random=9))}
    assert said in Page(page_of(tmp_path, as_far)).text


def test_on_the_page(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, STAGES))
    assert "Bridges" in page.text and "Steered models" in page.text
    assert "channel 1.attn.act_in.83" in page.text and "random channels" in page.text
    lines = [fields["points"] for name, fields in page.elements if name == "polyline"]
    steered = [
        [tuple(map(float, point.split(","))) for point in drawn.split()] for drawn in lines[-4:]
    ]
    own = steered[-1]  # drawn last, so on top
    assert own[0][0] < own[1][0] < own[2][0]  # strength goes to the right
    assert own[0][1] > own[1][1] > own[2][1]  # and the probability up
    dots = [fields for name, fields in page.elements if fields.get("class") == "whisker"]
    assert len(dots) == 2 * 2 * 3  # two charts, each for two widths


def test_at_the_top(tmp_path: Path) -> None:
    text = Page(page_of(tmp_path, STAGES)).text
    assert "a bridge, less the dense model’s, at the worst place: 0.0625 [" in text
    assert "] on the way to sparse and −0.0312 [" in text and "(n = 512 tokens). Steering " in text
    assert "through 1.attn.act_in.83 at strength 1 moves the other answer’s probability" in text
    assert "by 0.500 [" in text and "on quotes/test (n = 40), and its part of both" in text
    assert "of both answers by 1.00 [" in text
    assert "]; 2 random ones move that part by 0.125 at most." in text
    assert "No circuit has been measured" not in text
    nothing = {"moved": stage("steer", samples.steer(random=0))}
    alone = Page(page_of(tmp_path, nothing)).text
    assert "random" not in alone.partition("Steered")[0] and "go over a bridge" not in alone


def test_damage_is_named() -> None:
    broken = samples.steer()
    del broken["steered"]["rows"]
    with pytest.raises(RunError, match=r"steered\.rows is not a list"):
        every({"moved": stage("steer", broken)})
