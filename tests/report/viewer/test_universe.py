"""The viewer numbers nodes and edges as circuits do, without knowing that room."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.circuits import Circuit, EdgeUniverse, Universe
from tapeout.report.viewer._universe import Edges, Nodes

from .folders import shape

PARTS = ["layer", "attn.q:head", "attn.z:head", "attn.z:channel", "attn.resid_delta:block"]
PARTS += ["mlp.post_act", "mlp.resid_delta:block", "embed", "attn.k:channel"]


@settings(deadline=None, max_examples=40)
@given(parts=st.lists(st.sampled_from(PARTS), min_size=1, unique=True), seed=st.integers(0, 99))
def test_nodes_and_which_of_them_can_act(parts: list[str], seed: int):
    universe = Universe.of(shape(), ",".join(parts))
    nodes = Nodes.of(universe.to_dict())
    assert [(g.layer, g.site, g.granularity, g.start, g.count) for g in nodes.groups] == [
        (g.layer, g.site, g.granularity, g.start, g.count) for g in universe.groups
    ]
    assert nodes.size == universe.size
    kept = torch.rand(universe.size, generator=torch.Generator().manual_seed(seed)) < 0.7
    assert nodes.active(kept.numpy()).tolist() == Circuit(universe, kept).active.tolist()
    for node in range(0, universe.size, 7):
        assert nodes.number(universe.name(node)) == node


@pytest.mark.parametrize("name", ["", "0.attn.z.head9", "9.attn.z.head0", "0.attn.z", "a\ud800"])
def test_what_is_no_node(name: str):
    assert Nodes.of(Universe.of(shape(), "attn.z:head").to_dict()).number(name) is None


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), parallel=st.booleans(), share=st.floats(0.02, 0.9))
def test_edges_and_which_of_them_lie_on_a_path(seed: int, parallel: bool, share: float):
    universe = EdgeUniverse(shape(heads=3), parallel)
    edges = Edges.of(universe.to_dict())
    writer, reader = edges.places
    assert edges.writers == universe.writers
    assert [name for name, _ in edges.readers] == list(universe.reader_names)
    assert torch.equal(torch.tensor([writer.tolist(), reader.tolist()]).T, universe.places)
    kept = torch.rand(universe.size, generator=torch.Generator().manual_seed(seed)) < share
    assert edges.active(kept.numpy()).tolist() == universe.active(kept).tolist()
