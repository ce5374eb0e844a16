"""Names that try to be markup, to run, to hide, or to flood."""

import json
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from . import of_directions, samples
from .samples import Page, page_of, stage, whole

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "quotes": "\"' onload=alert(1) x='",
    "closing": "</title></style></svg></table></bdi></main><h1>owned",
    "comment": "<!--",
    "cdata": "<![CDATA[ ]]>",
    "entity": "&lt;b&gt; &amp &#0; &#x202e;",
    "image": "<img src=x onerror=alert(1)>",
    "right to left": "\u202egnp.exe\u202c \u2066\u2069\u2069 \u200f\u061c",
    "arabic": "نموذج",
    "surrogate": "lone \ud800 and \udfff",
    "control": "\x00\x1b[31m\x07\x7f\x9b\n\r\t\u2028",
    "invisible": "\ufeff\u200b\uffff\ufffe\U000e0041",
    "link": "javascript:alert(1)",
    "markup": "[red]not red[/red] [link=file:///etc]",
}
FIXED = {"kind", "what"}
"""Strings that decide which view is used, so they stay."""


def renamed(data: Any, name: str) -> Any:
    """The same results with every string, and every name that results choose, another one."""
    free = {"stages", "metrics", "sizes", "config", "by_part", "by_regime", "settings", "inputs"}

    def walk(value: Any, named: bool) -> Any:
        if isinstance(value, dict):
            items = {}
            for place, (key, inner) in enumerate(value.items()):
                # of the two kinds of `metrics`, a stage's own has keys that are fixed
                shown = f"{name}{place}" if named else key
                own = key == "metrics" and "kind" in value
                items[shown] = inner if key in FIXED else walk(inner, key in free and not own)
            return items
        if isinstance(value, list):
            return [walk(inner, False) for inner in value]
        return name if isinstance(value, str) else value

    return walk(data, False)


def everything() -> dict[str, Any]:
    stages = whole()
    stages["more"] = stage("frontier")
    stages["again"] = stage("verify", samples.verify(empty_leaks=True))
    stages["changed"] = stage("condition", samples.condition())
    stages["smaller"] = stage("smallest", samples.smallest())
    stages["trained"] = stage("train", samples.train())
    stages["bridged"] = stage("bridge", samples.bridge())
    stages["steered"] = stage("steer", samples.steer())
    stages["learned"] = stage("decompose", of_directions.decompose())
    stages["moved"] = stage("directions", of_directions.directions())
    stages["held"] = stage("energy", of_directions.energy())
    stages["covered"] = stage("coverage", of_directions.coverage())
    stages["tuned"] = stage("span", of_directions.span())
    stages["toy"] = stage("toy", of_directions.toy())
    stages["carried"] = stage("transfer", samples.transfer())
    stages["composed"] = stage("compose", samples.compose())
    stages["routed"] = stage("route", samples.route())
    stages["wired"] = stage("weight_edges", samples.weight_edges())
    stages["checked"] = stage("checks", samples.checks())
    stages["sized"] = stage("mean_size", samples.mean_size())
    stages["other"] = stage("sparse", {"a": "b", "c": {"d": ["e"]}})
    stages["load"] |= {"settings": {"a": "b"}, "inputs": {"c": "d"}}
    return samples.results(stages)


@cache
def shown(name: str) -> str:
    data = renamed(everything(), name)
    with TemporaryDirectory() as folder:
        return page_of(Path(folder), data["stages"], data["recipe"])


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_names_never_become_markup(name: str) -> None:
    plain, hostile = shown("plain"), shown(name)
    assert Page(hostile).structure == Page(plain).structure
    assert "plain0" in plain and plain.count("plain") > 60


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_nothing_hidden_reaches_the_page(name: str) -> None:
    page = Page(shown(name))
    strings = [page.text, *(v for _, attributes in page.elements for v in attributes.values())]
    allowed = "\u2068\u2069"  # isolates, which the page puts around names itself
    for text in strings:
        found = re.findall(
            "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
            "\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e007f]",
            text,
        )
        assert set(found) <= set(allowed)
        assert text.count("\u2068") == text.count("\u2069")


def test_hidden_characters_are_shown_as_escapes() -> None:
    text = Page(shown("a\u202eb\ud800c\x1bd")).text
    assert r"a\u202eb\ud800c\u001bd" in text


def test_right_to_left_text_is_kept_and_isolated() -> None:
    page = shown(HOSTILE["arabic"])
    assert f"<h1><bdi>{HOSTILE['arabic']}</bdi></h1>" in page
    bare = re.sub(r"<bdi>.*?</bdi>|\u2068[^\u2068\u2069]*\u2069", "", page)
    assert HOSTILE["arabic"] not in bare


def test_long_names_are_cut_and_say_so() -> None:
    short, long = shown("x"), shown("x" * 100_000)
    assert "x… (100,000 characters)" in long
    assert len(long) < len(short) + 100_000
    assert Page(long).structure == Page(short).structure


def test_many_values_of_an_unknown_stage_are_cut(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"a": stage("odd", {f"k{n}": n for n in range(5000)})})
    assert "k299" in page and "k300" not in page


def test_the_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    """A lone surrogate survives JSON, so it is a name that a run can really have."""
    assert json.loads(json.dumps("\ud800")) == "\ud800"
    page_of(tmp_path, whole(), recipe="\ud800")
