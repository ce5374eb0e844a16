import base64
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tapeout.errors import RunError
from tapeout.report import tables_of, write_report

from . import samples
from .samples import KINDS, Page, page_of, share, stage, whole
from .test_terminal import drawn

SECTIONS = {
    "frontier": "Accuracy over circuit size",
    "verify": "Evidence",
    "select": "Where the circuit lies",
    "measure": "The circuit as a model of its own",
    "task": "Task and model",
}


def headings(page: str) -> list[str]:
    return re.findall("<h2>(.*?)</h2>", page)


def test_a_whole_run_has_every_section(tmp_path: Path) -> None:
    page = page_of(tmp_path, whole())
    assert headings(page) == [*SECTIONS.values(), "How it was made"]
    assert page.count("<h1>") == 1


def test_the_page_stands_alone(tmp_path: Path) -> None:
    page = page_of(tmp_path, whole())
    tags = {tag for tag, _ in Page(page).elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a"}
    assert not re.search(r"https?:|//\w|@import|url\(|javascript:", page)
    names = {key for _, attributes in Page(page).elements for key in attributes}
    assert not [key for key in names if key.startswith("on") or key in ("style", "href", "src")]


def test_the_policy_allows_the_one_style_and_nothing_else(tmp_path: Path) -> None:
    page = page_of(tmp_path, whole())
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    metas = [a for t, a in Page(page).elements if t == "meta" and "http-equiv" in a]
    rules = [rule.strip() for rule in metas[0]["content"].split(";")]
    assert rules[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_same_results_same_bytes(tmp_path: Path) -> None:
    assert page_of(tmp_path, whole()) == page_of(tmp_path, whole())


PARTIAL = (
    [[kind] for kind in KINDS]
    + [list(KINDS)[:count] for count in range(len(KINDS))]
    + [[kind for kind in KINDS if kind != left] for left in KINDS]
)


@pytest.mark.parametrize("kinds", PARTIAL, ids=" ".join)
def test_partial_runs_show_what_they_have(kinds: list[str], tmp_path: Path) -> None:
    page = page_of(tmp_path, {kind: stage(kind) for kind in kinds})
    Page(page)
    for kind, title in SECTIONS.items():
        also = {"task": {"load"}, "measure": {"extract"}}.get(kind, set())
        assert (title in headings(page)) == bool({kind, *also} & set(kinds))


def test_many_circuits_and_models_are_a_table_each(tmp_path: Path) -> None:
    stages = whole()
    few = page_of(tmp_path, stages)
    tables = ('aria-label="Circuits"', 'aria-label="Models"')
    assert not any(label in few for label in tables)
    circuits = {f"circuit-{n}": stage("select", samples.select()) for n in range(4)}
    models = {f"model-{n}": stage("load", samples.load()) for n in range(3)}
    page = page_of(tmp_path, stages | circuits | models)
    assert "Where the circuits lie" in headings(page) and all(label in page for label in tables)
    for title in (*circuits, "select"):
        assert f"<summary>{title}</summary>" in page.replace("<bdi>", "").replace("</bdi>", "")
    listed = page.partition(tables[1])[2].partition("</table>")[0]
    assert all(title in listed for title in (*models, "load"))


def test_two_models_say_which_stage_is_whose(tmp_path: Path) -> None:
    one = {"load": stage("load")}
    assert "Stage" not in Page(page_of(tmp_path, one)).text.partition("How it was made")[0]
    text = Page(page_of(tmp_path, one | {"dense": stage("load")})).text
    assert "StageloadModelsmollm2" in text and "StagedenseModelsmollm2" in text
    asked = one | {"dense": stage("load"), "task": stage("task", inputs={"model": "dense"})}
    assert (
        "How well the model of stage dense does on ioi/validation, n = "
        in Page(page_of(tmp_path, asked)).text
    )


def test_names_are_words_and_what_was_left_empty_is_left_out(tmp_path: Path) -> None:
    stages = whole()
    left_out = {"start": "", "gpu": None}
    stages["task"]["metrics"]["config"] |= left_out | {"answer": "{sum}\n", "file": "/home/i/x.txt"}
    text = Page(page_of(tmp_path, stages)).text
    assert "file=x.txt" in text and "/home" not in text
    assert "answer={sum}⏎" in text and "start=" not in text and "gpu" not in text
    assert "UniverseMLP channels and attention heads, 100 nodes" in text
    assert "logit difference: right tokens less the foils" in text
    assert "rank above foils100.0% [50.0–100.0%]" in text and "per-layer layout" in text


def test_what_has_a_table_is_not_listed_again(tmp_path: Path) -> None:
    solved = {"split": "p/test", "accuracy": share(1, 4), "answered": share(4, 4)}
    page = page_of(tmp_path, {"s": stage("solve", solved)})
    assert headings(page) == ["Problems solved", "How it was made"]
    text = Page(page).text
    assert "Gain" not in text and "McNemar" not in text
    assert text.count("Problems solved") == 1


def test_several_of_a_kind_share_a_chart_and_a_table(tmp_path: Path) -> None:
    stages = whole()
    del stages["frontier"], stages["verify"]
    stages |= {f"sizes-{n}": stage("frontier", samples.frontier()) for n in range(8)}
    stages |= {f"proof-{n}": stage("verify") for n in range(3)}
    page = page_of(tmp_path, stages)
    charts = [a for tag, a in Page(page).elements if tag == "svg" and "chart" in a["class"]]
    assert len(charts) == 2  # for wide and for narrow pages
    for name in [f"sizes-{n}" for n in range(8)]:
        assert charts[0]["aria-label"].count(name) == 1
        assert f"<b><bdi>{name}</bdi></b>" in page
    assert page.count("0 to 100%") == 1
    assert page.count("Circuit, teacher-forced</th>") == 3
    assert "2 more verifications are under Evidence" in page


def test_the_selected_circuit_is_marked_on_its_frontier(tmp_path: Path) -> None:
    two = {"a": stage("frontier"), "b": stage("frontier", samples.frontier([(0, 0), (100, 19)]))}
    both = two | {"circuit": stage("select")}
    page = page_of(tmp_path, both)
    rings = re.findall('class="ring" d=".*?" transform="(.*?)"', page)
    dots = re.findall('25 nodes, 25.0%\n.*?transform="(.*?)"', page, re.DOTALL)
    assert len(rings) == 2 and rings == dots  # once a chart
    doubtful = {name: stage("frontier") for name in "ab"} | {"circuit": stage("select")}
    assert 'class="ring"' not in page_of(tmp_path, doubtful)
    other = two | {"circuit": stage("select", inputs={"frontier": "b"})}
    page = page_of(tmp_path, other)
    assert 'class="ring"' not in page
    assert page.count('class="mark"') == 2 and "has no ring is on no curve" in page
    models = {name: stage("load") for name in ("small", "large")}
    curve = {"curve": stage("frontier", inputs={"model": "small"})}
    theirs = {"circuit": stage("select", inputs={"model": "large"})}
    assert 'class="mark"' not in page_of(tmp_path, models | curve | theirs)
    theirs["circuit"]["inputs"]["model"] = "small"
    page = page_of(tmp_path, models | curve | theirs)
    assert 'class="ring"' in page and "model small, ioi/validation, n = " in page
    assert "has no ring" not in page


def test_many_circuits_do_not_cover_the_chart(tmp_path: Path) -> None:
    many = {f"circuit-{place}": stage("select", samples.select(3)) for place in range(7)}
    page = page_of(tmp_path, {"curve": stage("frontier")} | many | {"last": stage("select")})
    assert page.count('class="mark"') == 2 * 6 and "2 more circuits are not marked" in page
    assert page.count('class="ring"') == 2  # the one on the curve is among them


def test_stages_of_other_kinds_are_shown_with_their_numbers(tmp_path: Path) -> None:
    metrics = {"deep": {"loss": 0.123, "steps": [1, 2]}, "note": "x"}
    text = Page(page_of(tmp_path, {"later": stage("audit", metrics)})).text
    for words in ("later", "audit", "deep.loss", "0.123", "[1, 2]"):
        assert words in text


def test_settings_and_inputs_are_shown_if_the_results_have_them(tmp_path: Path) -> None:
    more = {"settings": {"source": "gpt2", "dtype": "float32"}, "inputs": {"model": "m"}}
    text = Page(page_of(tmp_path, {"load": stage("load", **more)})).text
    assert "float32" in text and "input model" in text
    assert "float32" not in Page(page_of(tmp_path, {"load": stage("load")})).text


def test_the_command_that_makes_it_again_needs_the_recipe(tmp_path: Path) -> None:
    assert "tapeout run" not in page_of(tmp_path, whole())
    (tmp_path / "recipe.json").write_text("{}")
    assert "tapeout run recipe.json" in page_of(tmp_path, whole())


def test_tables_and_drawings_can_be_read_aloud(tmp_path: Path) -> None:
    page = Page(page_of(tmp_path, whole()))
    for tag, attributes in page.elements:
        if tag == "th":
            assert attributes["scope"] in ("col", "row", "rowgroup")
        if tag == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
    assert ("html", {"lang": "en"}) in page.elements


def test_a_failed_write_leaves_the_old_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = page_of(tmp_path, whole())

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(RunError, match=r"cannot write .*report.html: Permission denied"):
        page_of(tmp_path, {})
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "results.json"]


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"needs the folder of a run"):
        write_report(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"9" * 5000, b"[" * 100_000, b'{"a": 1}{'],
    ids=["empty", "torn", "not utf-8", "long number", "deep", "two"],
)
def test_damaged_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(RunError, match=r"is damaged: .* Run the recipe again"):
        write_report(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    newer = samples.results(whole()) | {"schema_version": 2}
    (tmp_path / "results.json").write_text(json.dumps(newer))
    with pytest.raises(RunError, match="schema 2, this version of Tapeout reads 1"):
        write_report(tmp_path)


def paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value below lies; of a list its first value stands for all."""
    if isinstance(data, list):
        items = list(enumerate(data))[:1]
    else:
        items = list(data.items()) if isinstance(data, dict) else []
    here = [path] if path else []
    return here + [place for key, value in items for place in paths(value, (*path, key))]


@pytest.mark.parametrize("missing", [True, False], ids=["missing", "of another kind"])
@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_said_and_never_another_error(kind: str, missing: bool, tmp_path: Path) -> None:
    raised = 0
    for path in paths(samples.results({kind: stage(kind)})):
        data = samples.results({kind: stage(kind)})
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        number = isinstance(place[path[-1]], int | float)
        place[path[-1]] = None if missing else "text" if number else -1
        (tmp_path / "results.json").write_text(json.dumps(data))
        try:
            Page(write_report(tmp_path).read_text(encoding="utf-8"))
        except RunError as error:
            raised += 1
            assert "results.json" in str(error), path
    assert raised >= 4  # at least the schema, the stages, a stage, its kind or its metrics


def test_the_error_names_the_place(tmp_path: Path) -> None:
    stages = whole()
    stages["verify"]["metrics"]["empty"]["low"] = "none"
    with pytest.raises(RunError, match=r"stages.verify.metrics.empty.low is not a number"):
        page_of(tmp_path, stages)


def test_a_circuit_that_was_drawn_at_random_is_marked(tmp_path: Path) -> None:
    drawn = stage("random", samples.select(), inputs={"circuit": "circuit"})
    page = page_of(tmp_path, {"circuit": stage("select"), "drawn": drawn})
    assert page.count("of the universe, drawn at random.") == 1
    assert "Where the circuits lie" in headings(page)


def test_it_is_said_which_stages_ran_on_what_if_not_all_on_one(tmp_path: Path) -> None:
    stages = {name: stage("load") | {"machine": {"threads": 1}} for name in ("one", "two", "all")}
    assert "Ran onthreads=1Every number" in Page(page_of(tmp_path, stages)).text
    stages["all"]["machine"] = {"threads": 2}
    text = Page(page_of(tmp_path, stages)).text
    assert "Ran onthreads=1Stagesone, two" in text and "Ran onthreads=2Stagesall" in text


def test_a_metric_that_is_the_criterion_is_told_once(tmp_path: Path) -> None:
    stages = whole()
    stages["task"]["metrics"]["worth"]["criterion"] = "above_foil"
    both = {"full": samples.average(0.9), "circuit": samples.average(0.8)}
    proof = samples.verify(criterion="above_foil", metrics={"above_foil": both})
    stages["verify"] = stage("verify", proof)
    text = Page(page_of(tmp_path, stages)).text
    assert text.count("rank above foils") == text.count("by rank above foils") > 0
    assert not re.search(r"^above_foil", drawn(*tables_of(stages)), re.MULTILINE)


def test_what_a_circuit_was_selected_by(tmp_path: Path) -> None:
    loss = {"value": 0.0391, "low": 0.0125, "high": 0.078, "n": 8}
    found = {"objective": "candidates", "bar": 0.15, "split": "ioi/validation", "n": 8}
    metrics = samples.select() | {"loss": found | {"loss": loss}}
    text = Page(page_of(tmp_path, {"select": stage("select", metrics)})).text
    said = "The smallest size found whose loss (candidates) is at most 0.15: 0.0391 ["
    assert said in text.replace("0.150", "0.15") and "] on ioi/validation, n = 8." in text


def test_a_proof_names_its_circuit_and_its_model_if_there_are_several(tmp_path: Path) -> None:
    reads = {"circuit": "kept", "model": "load"}
    stages = {
        "load": stage("load"),
        "kept": stage("select"),
        "proof": stage("verify", inputs=reads),
        "kept.proof": stage("verify", inputs=reads),
    }
    text = Page(page_of(tmp_path, stages)).text
    assert "proof of kept: ioi/test" in text and "kept.proof: ioi/test" in text
    tuned = {"tuned": stage("condition", samples.condition(), inputs={"model": "load"})}
    stages["kept.proof"] = stage("verify", inputs=reads | {"model": "tuned"})
    text = Page(page_of(tmp_path, tuned | stages)).text
    assert "proof of kept in load: ioi/test" in text and "kept.proof in tuned: ioi/test" in text
