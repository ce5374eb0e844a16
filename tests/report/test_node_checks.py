"""Tables about single nodes."""

from pathlib import Path

from tapeout.report import tables_of
from tapeout.report._node_checks import MOST

from .samples import Page, average, checks, page_of, stage
from .test_terminal import drawn


def test_every_check_has_its_table(tmp_path: Path):
    text = Page(page_of(tmp_path, {"looks": stage("checks", checks())})).text
    for words in (
        "model without it",
        "2.25",
        "two-valued",
        "In the full model",
        "held at its mean",
        "0.875",
        "residual",
        "99.9%",
        "f(⏎␣x)",
        "text/reference, n = 20",
    ):
        assert words in text


def test_checks_that_were_not_made_have_none(tmp_path: Path):
    some = {key: value for key, value in checks().items() if key in ("split", "n", "inverse")}
    text = Page(page_of(tmp_path, {"looks": stage("checks", some)})).text
    assert "mean replacement over text/reference (n=20)" in text
    assert "model without it" in text and "Kurtosis" not in text and "percentile" not in text


def test_many_nodes_are_folded(tmp_path: Path):
    row = {"node": "n", "in_circuit": average(0.5), "in_model": average(0.5)}
    some = checks() | {"effects": {"rows": [row] * (MOST + 7)}}
    text = Page(page_of(tmp_path, {"looks": stage("checks", some)})).text
    assert "7 more rows" in text


def test_the_terminal_has_the_losses():
    (one,) = tables_of({"looks": stage("checks", checks())})
    assert "model without it" in drawn(one) and "2.25" in drawn(one)
