"""Numbers on pages come from benchmarks/results/, and from nowhere else."""

import json
from pathlib import Path

import pytest

from .pages import PAGES, name_of
from .test_names import hook

results = hook("results")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"task": "a", "right": 3, "n": 4, "deep": {"low": 0.5}},
        {"task": "b", "right": 1, "n": 4, "deep": {"low": None}},
    ]
    found = {"command": "one && two", "machine": "a machine", "rows": rows}
    (tmp_path / "some.json").write_text(json.dumps(found))
    monkeypatch.setattr(results, "RESULTS", tmp_path)


def test_a_value_a_quotient_and_a_count(made: None):
    page = "{{ some[task=a].right }} of {{some[task=a].n}}, {{ some[task=b].right / n | .0% }}"
    text = results.filled(page + ", {{ count some[n=4] }}.")
    assert text.startswith("3 of 4, 25%, 2.\n")
    assert "`benchmarks/results/some.json` (a machine)" in text and "    one\n    two" in text


def test_a_table(made: None):
    columns = '{of: "{task}", low: "{deep[low]:.1f}"}'
    text = results.filled(f"```results\nfile: some\nwhere: {{n: 4}}\ncolumns: {columns}\n```")
    assert text.startswith("| of | low |\n| --- | --- |\n| a | 0.5 |\n| b | – |\n")


def test_a_table_of_groups(made: None):
    right = "{right[mean]:.1f} ± {right[std]:.2f}, {right[least]} to {right[most]}"
    columns = f'{{n: "{{n}}", right: "{right}"}}'
    text = results.filled(f"```results\nfile: some\nby: [n]\ncolumns: {columns}\n```")
    assert text.startswith("| n | right |\n| --- | --- |\n| 4 | 2.0 ± 1.41, 1 to 3 |\n")


def test_a_page_without_numbers_stays_as_it_is(made: None):
    assert results.filled("{one} {{ two }}\n") == "{one} {{ two }}\n"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("{{ none.right }}", "there is no none.json"),
        ("{{ some[n=4].right }}", "fits 2 rows"),
        ("{{ some[task=c].right }}", "fits 0 rows"),
        ("{{ some[task=a].wrong }}", "has no wrong"),
        ("```results\nfile: some\nwhere: {n: 5}\ncolumns: {}\n```", "no row of some fits"),
        ("```results\nfile: some\ncolumns: {a: '{wrong}'}\n```", "no row of some has wrong"),
    ],
)
def test_what_is_not_there_stops_the_build(made: None, page: str, message: str):
    with pytest.raises(ValueError, match=message):
        results.filled(page)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_number_on_every_page_is_there(page: Path):
    text = results.filled(page.read_text(encoding="utf-8"))
    assert "```results" not in text and not results.VALUE.search(text)
