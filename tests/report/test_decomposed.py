"""Directions in parameter space, on the page and in the terminal."""

from pathlib import Path

import pytest

from tapeout.errors import RunError
from tapeout.report import tables_of

from . import of_directions
from .samples import page_of, stage
from .test_terminal import drawn


def test_sets_stand_beside_each_other_with_examples(tmp_path: Path):
    page = page_of(tmp_path, {"compared": stage("directions", of_directions.directions())})
    for shown in ("learned, seed 1", "random, same rank", "principal, full rank", "Direction 17"):
        assert shown in page
    assert "␣&lt;b&gt;" in page and "<b> " not in page and "⏎" in page
    assert "leave 50.0% of held-out gradients" in page and "leave 75.0% with 6,336" in page
    assert "20.0 active in a sample" in page and "rank 1 and 2" in page


def test_tokens_that_fall_are_not_more_likely(tmp_path: Path):
    metrics = of_directions.directions()
    metrics["examples"][0]["up"] = [{"token": " dwindles", "slope": -0.25}]
    page = page_of(tmp_path, {"compared": stage("directions", metrics)})
    assert "dwindles" not in page and "more likely –; less likely" in page


def test_principal_directions_are_not_below_themselves(tmp_path: Path):
    text = drawn(tables_of({"d": stage("directions", of_directions.directions())})[0])
    (line,) = [line for line in text.splitlines() if line.startswith("principal")]
    assert "–" in line
    assert "17" in text and "␣the" in text


def test_what_was_learned_says_what_was_chosen(tmp_path: Path):
    stages = {"one": stage("decompose", of_directions.decompose())}
    text = drawn(tables_of(stages)[0], width=130)
    assert "learning_rate=0.01 (of 2)" in text and "0.710" in text
    assert "Learned directions" in page_of(tmp_path, stages)


def test_toys_have_the_columns_that_they_were_measured_by(tmp_path: Path):
    stages = {"a": stage("toy", of_directions.toy()), "b": stage("toy", of_directions.toy())}
    del stages["b"]["metrics"]["measures"]["mmcs"]
    text = drawn(tables_of(stages)[0])
    assert "mmcs" in text and "cap on a" not in text and "5/5" in text
    assert "Toys" in page_of(tmp_path, stages)


def test_nodes_that_hold_directions_are_named(tmp_path: Path):
    metrics = of_directions.energy()
    metrics["top"]["10000"] = 0.875
    stages = {"held": stage("energy", metrics)}
    text = drawn(tables_of(stages)[0], width=150).replace("\u00a0", " ")
    assert "12.5%" in text and "25.0% in 1, 75.0% in 10, 87.5% in 10,000" in text
    page = page_of(tmp_path, stages)
    assert "1.mlp.post_act.5\u00a0(21.9%)" in page and "Nodes that hold directions" in page


def test_circuits_stand_beside_random_ones(tmp_path: Path):
    stages = {"covered": stage("coverage", of_directions.coverage())}
    text = drawn(tables_of(stages)[0], width=150)
    assert "25.0% [12.5%, 37.5%]" in text and "6.3% [3.1%, 12.5%]" in text and "0.2%" in text
    page = page_of(tmp_path, stages)
    assert "Directions and circuits" in page and "25.0% [12.5%, 37.5%]" in page


def test_a_model_tuned_in_a_span_has_a_line_for_every_task(tmp_path: Path):
    stages = {"tuned": stage("span", of_directions.span())}
    text = drawn(tables_of(stages)[0], width=150)
    assert text.count("1.25%") == 1 + len(of_directions.span()["others"])
    page = page_of(tmp_path, stages)
    assert "Models tuned in the span" in page and "smollm2, tuned in a span" in page


def test_damage_is_said(tmp_path: Path):
    broken = of_directions.directions()
    broken["sets"][0]["error"] = "much"
    with pytest.raises(RunError, match="not an object"):
        page_of(tmp_path, {"compared": stage("directions", broken)})
