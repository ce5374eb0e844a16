"""Names that try to be markup, to run, to hide or to flood, where the script shows them."""

import json
from pathlib import Path
from typing import Any

import pytest
from browse_reports import visit

from tapeout.circuits import SPARSE_NODES, Universe
from tapeout.report import write_report

from .. import samples
from ..samples import stage
from ..test_hostile import HOSTILE
from .folders import UNIVERSE, Folder, shape

ARABIC = HOSTILE["arabic"]
NAMES = [*HOSTILE.values(), "x" * 100_000]
MOST_TEXT = 100_000

# Of every text that is shown: does a right-to-left name stand alone, or between isolates?
LOOSE = r"""() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (["SCRIPT", "STYLE"].includes(node.parentElement.tagName)) continue;
    const text = node.data.replace(/\u2068[^\u2068\u2069]*\u2069/g, "");
    if (/[\u0590-\u08ff]/.test(text) && !node.parentElement.closest("bdi")) found.push(node.data);
  }
  for (const one of document.querySelectorAll("[aria-label]")) {
    const text = one.getAttribute("aria-label").replace(/\u2068[^\u2068\u2069]*\u2069/g, "");
    if (/[\u0590-\u08ff]/.test(text)) found.push(text);
  }
  return found;
}"""
HIDDEN = r"""() =>
  /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|[\u202a-\u202e\u200b\u200f\u061c]/
    .test(document.body.innerText)"""


def hostile_run(root: Path, names: list[str]) -> Path:
    """A run in which every text that a user, a model or a file chooses is one of these."""
    folder = Folder(root, recipe=names[0])
    universe = Universe.of(shape(), UNIVERSE)
    for place, name in enumerate(names):
        plain = f"c{place}"
        circuit = folder.nodes(plain, universe, share=0.2, seed=place)
        folder.stages[f"{plain} scores"]["metrics"]["method"] = name
        proof = folder.stages[f"{plain} proof"]["metrics"]
        proof["split"] = f"{name}/test"
        proof["task"] = name
        if not place:
            folder.activations("held", circuit, len(names), names, tokens=len(names))
    channels = Universe.of(shape(family="weight_sparse"), SPARSE_NODES)
    folder.nodes("sparse", channels, share=1.0)
    wired, checked = samples.weight_edges(), samples.checks()
    for stream in wired["diagram"]["streams"]:
        stream["read"] = [{"token": name, "weight": 1.0} for name in names if stream["read"]]
    context = {"activation": 0.5, "before": names[0], "token": names[-1], "after": names[-2]}
    checked["contexts"]["rows"][0]["percentiles"][0]["contexts"] = [context]
    about = {"inputs": {"circuit": "sparse"}}
    folder.stages["wired"] = stage("weight_edges", wired, **about)
    folder.stages["checked"] = stage("checks", checked, **about)
    curve = [{"step": n, **dict.fromkeys(names, 0.5 + n)} for n in range(3)]
    for name in names:
        folder.stages[name] = stage("mask", {"curve": curve})
    _rename_a_site(folder.place("c1"), "<img/src=x/onerror=alert(1)>" + ARABIC)
    return write_report(folder.write())


def _rename_a_site(place: Path, site: str) -> None:
    """Sites are words of ours, but a file may say anything."""
    path = place / "circuit_config.json"
    config = json.loads(path.read_text())
    widths = config["universe"]["shape"]["widths"]
    widths[site] = widths["mlp.post_act"]
    config["universe"]["spec"] = config["universe"]["spec"].replace("mlp.post_act", site)
    path.write_text(json.dumps(config))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_run(tmp_path_factory.mktemp("hostile"), [ARABIC, *NAMES])


def test_nothing_runs_and_everything_works(browser: Any, page: Path):
    found = visit(browser, page)
    assert found.said == [] and found.nodes > 12


@pytest.mark.parametrize(
    "place",
    [
        "circuit&circuit=c0",
        "circuit&circuit=c1",
        "circuit&circuit=sparse&node=0.attn.q.5",
        "compare",
        "train",
    ],
)
def test_names_are_text_and_keep_to_themselves(opened: Any, page: Path, place: str):
    shown = opened(page, f"#view={place}")
    panel = shown.locator(f"#view-{place.partition('&')[0]}")
    if "circuit=c" in place:
        panel.locator(".list button[data-node]").first.click()
    for summary in panel.locator("summary").all():
        if summary.is_visible():
            summary.click()
    for box in panel.locator("fieldset input[type=checkbox]").all()[:8]:
        if box.is_enabled():
            box.click()
    text = panel.inner_text()
    assert ARABIC in panel.evaluate("one => one.textContent")
    assert len(text) < MOST_TEXT
    for element in ("script", "img", "iframe", "link", "style", "a"):
        assert panel.locator(element).count() == 0
    assert shown.evaluate(LOOSE) == []
    assert not shown.evaluate(HIDDEN)
