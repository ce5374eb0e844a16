"""Tables 1 to 6 of node pruning in the terminal and on the page."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from tapeout.circuits import Circuit, EdgeCircuit, EdgeUniverse, Universe, summarise
from tapeout.errors import RunError
from tapeout.report import comparison_table, origin_table, summary_tables

from ..tiny import random_circuit, tiny
from . import samples
from .samples import Page, page_of, stage
from .test_hostile import HOSTILE
from .test_terminal import drawn, line


def test_granularities_edges_and_layers() -> None:
    text = drawn(summary_tables(samples.summary()))
    assert line(text, "attention heads").split()[2:] == ["5", "8", "37.5%"]
    assert line(text, "MLP blocks").split()[2:5] == ["1", "2", "50.0%"]
    assert "no gates of their own" in line(text, "MLP blocks")
    assert line(text, "edges, as the literature").split()[-3:] == ["31", "71", "56.34%"]
    assert line(text, "edges, by node pruning").split()[-3:] == ["40", "74", "45.95%"]
    assert line(text, "0 ").split() == ["0", "kept", "kept", "4/4", "32/32", "20/46", "32/32"]
    assert line(text, "1 ").split() == ["1", "kept", "–", "1/4", "8/32", "0/46", "0/32"]
    assert "Heads kept, 5 of 8 (layer.head)" in text
    assert "  0.0 0.1 0.2 0.3 1.2" in text


def test_where_most_heads_are_kept_the_others_are_named() -> None:
    row = samples.summary()["layers"][0]
    many = [row | {"layer": n, "kept_heads": [0, 1, 2]} for n in range(50)]
    text = drawn(summary_tables(samples.summary() | {"layers": many}))
    assert "all but 0.3 1.3 2.3" in text and "0.0" not in text.partition("Heads kept")[2]
    every = [row | {"layer": n} for n in range(50)]
    text = drawn(summary_tables(samples.summary() | {"layers": every}))
    assert text.rpartition("(layer.head)")[2].split() == ["all"]
    none = [row | {"kept_heads": []}]
    assert "none" in drawn(summary_tables(samples.summary() | {"layers": none}))


def test_it_reads_what_circuits_report(tmp_path: Path) -> None:
    circuit = random_circuit(tiny("llama"), "layer,mlp.post_act,attn.z:head")
    own = summarise(circuit).to_dict()
    for metrics in (own, json.loads(json.dumps(own))):
        text = drawn(summary_tables(metrics))
        assert line(text, "layers").split()[2] == "3"
    sizes = samples.select() | {"summary": own}
    page = Page(page_of(tmp_path, {"c": stage("select", sizes)})).text
    assert "no gates of their own" in page and "by node pruning's rule" in page
    assert "PartKeptOfSparsityNote" in page and "CountKeptOfGone" in page
    assert "are not looked at" not in page
    sizes["by_part"] = {"attn.q:head": {"kept": 0, "total": 4}}
    page = Page(page_of(tmp_path, {"c": stage("select", sizes)})).text
    assert "Gates of queries, keys and values are not looked at." in page


def test_circuits_without_edges_of_heads_and_circuits_of_edges() -> None:
    gemma = Circuit.full(Universe.of(tiny("gemma2").shape, "attn.z"))
    text = drawn(summary_tables(summarise(gemma).to_dict()))
    assert "no edges of their own" in text and "as the literature counts" not in text
    universe = EdgeUniverse(tiny("llama").shape)
    everything = ~EdgeCircuit(universe, (universe.places < 0).any(dim=1))
    text = drawn(summary_tables(summarise(everything).to_dict()))
    assert f"{universe.size}" in line(text, "edges, as the literature")
    assert "by node pruning's rule" not in line(text, "edges, as the literature")


def test_circuits_side_by_side() -> None:
    rows = [("proof", samples.summary(), samples.verify())]
    rows.append(("bare", samples.summary(), samples.verify(metrics={})))
    text = drawn(comparison_table(rows))
    cells = line(text, "proof: mean").split()
    assert cells[-6:] == ["5/8", "56.34%", "45.95%", "0.180", "5.390", "6.080"]
    assert line(text, "bare: mean").split()[-2:] == ["–", "–"]
    assert "the metric is logit_difference" in " ".join(text.split())


@pytest.mark.parametrize("name", [*HOSTILE.values(), "x" * 100_000], ids=[*HOSTILE, "long"])
def test_hostile_names_stay_text_within_80_columns(name: str) -> None:
    proof = samples.verify(split=name, replacement="mean", metrics={})
    summary = samples.summary()
    summary["granularities"] = {name: summary["granularities"]["attn.z:head"]}
    text = drawn(
        origin_table(name, {name: {name: name}}),
        summary_tables(summary),
        comparison_table([(name, summary, proof)]),
    )
    assert all(cell_len(row) <= 80 for row in text.splitlines())
    assert not {"\x1b", "\x07", "\u202e", "\ud800"} & set(text)
    text.encode("utf-8")


@pytest.mark.parametrize(
    "damage", [{"layers": 3}, {"granularities": {"a": 1}}, {"edges": {"a": 1}}]
)
def test_other_metrics_are_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(RunError, match=r"summary.* is not .*Run the recipe again"):
        summary_tables(samples.summary() | damage)
