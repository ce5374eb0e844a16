"""The picture of a circuit, and the table of its weights."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapeout.report
from tapeout.errors import RunError
from tapeout.report import tables_of
from tapeout.report._fields import Fields
from tapeout.report._weights_view import Diagram, Edge, Node, Stream
from tapeout.report._wiring_layout import LINE, lay_out

from .samples import Page, mean_size, page_of, stage, weight_edges
from .test_terminal import drawn

ENDS = {
    "attn": ("act_in", "q", "k", "v", "resid_delta"),
    "mlp": ("act_in", "post_act", "resid_delta"),
}


@st.composite
def nodes_and_ends(draw: st.DrawFn) -> tuple[list[Node], list[tuple[Node, Node, float]]]:
    """Any nodes, and which of those that weights connect are, with a flow."""
    key = st.tuples(st.integers(0, 2), st.sampled_from(["attn", "mlp"]), st.integers(0, 9))
    nodes: list[Node] = []
    for layer, block, channel in draw(st.lists(key, max_size=30, unique=True)):
        for end in draw(st.lists(st.sampled_from(ENDS[block]), unique=True)):
            site = f"{block}.{end}"
            head = channel // 4 if end in "qkv" else None
            nodes.append(Node(layer, site, channel, head, 0.0, 1.0))
    pairs = [
        (a, b)
        for a in nodes
        for b in nodes
        if (a.layer, a.block) == (b.layer, b.block)
        and (a.reads or b.writes)
        and not (a.reads and b.writes)
        and not (a.writes or b.reads)
    ]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=40)) if pairs else []
    return nodes, [(*ends, draw(st.floats(0, 9))) for ends in chosen]


@given(nodes_and_ends())
def test_nothing_lies_on_anything_else(
    drawing: tuple[list[Node], list[tuple[Node, Node, float]]],
):
    nodes, ends = drawing
    channels = sorted({node.channel for node in nodes if node.reads or node.writes})
    streams = [Stream(channel, [], []) for channel in channels]
    edges = [Edge(a, b, 1.0, flow) for a, b, flow in ends]
    diagram = Diagram(nodes, edges, streams, 0, 0, 0)
    layout = lay_out(diagram)
    assert set(layout.places) == set(diagram.nodes)
    heights = sorted(layout.lines.values())
    assert all(b - a >= LINE - 1e-6 for a, b in pairwise(heights))
    columns: dict[float, list[tuple[float, Node]]] = {}
    for node, (x, y) in layout.places.items():
        assert 0 < x < layout.width and 0 < y < layout.height
        columns.setdefault(x, []).append((y, node))
        if node.reads or node.writes:
            assert y == layout.lines[node.channel]
    for column in columns.values():
        column.sort(key=lambda both: both[0])
        ys = [y for y, _ in column]
        assert all(b - a >= LINE - 1e-6 for a, b in pairwise(ys))
        heads = [node.head for _, node in column if node.head is not None]
        changes = sum(a != b for a, b in pairwise(heads))
        assert changes == max(len(set(heads)) - 1, 0)  # no head is torn apart


def test_blocks_stand_in_the_order_of_the_model():
    found = lay_out(Diagram.of(Fields(weight_edges()["diagram"], "here")))
    assert [(block.layer, block.kind) for block in found.blocks] == [(0, "mlp"), (1, "attn")]
    at = [x for block in found.blocks for x in (block.read, block.inner, block.write)]
    assert at == sorted(at) and found.left < at[0] and at[-1] < found.right


def test_signs_can_be_told_without_colour(tmp_path: Path):
    page = Page(page_of(tmp_path, {"w": stage("weight_edges", weight_edges())}))
    edges = [e["class"] for tag, e in page.elements if tag == "path" and "stroke-width" in e]
    drawn_edges = edges[2:]  # behind the two of the legend
    assert sorted(drawn_edges) == ["edge minus"] * 2 + ["edge plus"] * 3
    style = Path(tapeout.report.__file__).with_name("_style.css").read_text()
    dashed = [line for line in style.splitlines() if "stroke-dasharray" in line]
    assert any("path.minus" in line for line in dashed)
    assert not any("path.plus" in line for line in dashed)
    assert "−\u2068x⏎\u2069" in page.text and "+\u2068y\u2069" in page.text


def test_the_table_holds_every_edge(tmp_path: Path):
    text = Page(page_of(tmp_path, {"w": stage("weight_edges", weight_edges())})).text
    for words in ("0.mlp.act_in.1", "0.mlp.post_act.7", "1.attn.v.6", "head 1", "55.6%"):
        assert words in text
    assert "2 kept nodes have no edge to another and are not shown" in text
    assert "too many" not in text


def test_what_is_left_out_is_said(tmp_path: Path):
    some = weight_edges()
    some["diagram"] |= {"more_nodes": 1234, "more_edges": 5678, "unconnected": 1}
    text = Page(page_of(tmp_path, {"w": stage("weight_edges", some)})).text
    assert "1,234 nodes and 5,678 edges" in text
    assert "1 kept node has no edge to another and is not shown" in text


def test_many_pictures_are_folded(tmp_path: Path):
    stages = {f"w{at}": stage("weight_edges", weight_edges()) for at in range(5)}
    stages["mean"] = stage("mean_size", mean_size())
    text = Page(page_of(tmp_path, stages)).text
    assert "2 more pictures" in text and "mean: geometric mean of 2 circuits" in text


def test_a_circuit_without_edges_has_no_picture(tmp_path: Path):
    some = weight_edges(edges=0, pairs=0)
    some["diagram"] |= {"nodes": [], "edges": [], "streams": []}
    assert "w has no edges" in Page(page_of(tmp_path, {"w": stage("weight_edges", some)})).text


def test_damage_is_told(tmp_path: Path):
    some = weight_edges()
    some["diagram"]["edges"][0]["target"] = 99
    with pytest.raises(RunError, match=r"edges\[0\].target is not the place of a node"):
        page_of(tmp_path, {"w": stage("weight_edges", some)})


def test_tables_in_the_terminal():
    stages = {
        "w": stage("weight_edges", weight_edges()),
        "mean": stage("mean_size", mean_size()),
    }
    text = "".join(drawn(table) for table in tables_of(stages))
    assert "Weights of a circuit for ioi" in text and "55.6%" in text
    assert "geometric mean of 2 circuits" in text and "2.50" in text
