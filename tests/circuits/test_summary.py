"""The published tables of multi-granular node pruning, from the circuits that they describe."""

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout import extract
from tapeout.circuits import (
    Circuit,
    Count,
    EdgeCircuit,
    EdgeUniverse,
    Universe,
    paper_edges,
    summarise,
)
from tapeout.interventions import Zero
from tapeout.models import FAMILIES, layers_of

from ..tiny import ALL_FAMILIES, Sizes, random_circuit, some_sizes, tiny

SPEC = (
    "attn.resid_delta:block,attn.z:head,attn.z:channel,"
    "mlp.resid_delta:block,mlp.post_act:channel,mlp.resid_delta:channel"
)


def gpt2_small():
    """The shape of GPT-2 small, without its weights."""
    shape = tiny("gpt2").shape
    wide = {"mlp.post_act": 3072}
    widths = {site: (wide.get(site, 768),) * 12 for site in shape.widths}
    return replace(shape, head_dim=64, widths=widths)


@dataclass
class Published:
    """A circuit as paper 5's appendix D lists it, and the numbers of its table 1.

    Layer by layer: heads, channels of heads, MLP channels, MLP output channels.
    """

    heads: list[int]
    channels: list[int]
    hidden: list[int]
    outputs: list[int]
    compression: float
    sparsity: dict[str, float]


NAMES = [
    "attn.resid_delta:block",
    "mlp.resid_delta:block",
    "attn.z:head",
    "attn.z:channel",
    "mlp.post_act:channel",
    "mlp.resid_delta:channel",
]
IOI = Published(
    [11, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7, 2],
    [357, 0, 0, 0, 0, 0, 0, 0, 0, 56, 385, 109],
    [2455, 1873, 1934, 2033, 1997, 2040, 1971, 2049, 2027, 1987, 2050, 2148],
    [751, 691, 660, 648, 656, 656, 653, 648, 626, 605, 637, 656],
    96.74,
    dict(zip(NAMES, [66.7, 0.0, 85.4, 90.2, 33.4, 14.4], strict=True)),
)
PRONOUNS = Published(
    [4, 0, 0, 0, 11, 0, 0, 0, 0, 7, 11, 4],
    [177, 0, 0, 0, 612, 0, 0, 0, 0, 290, 474, 149],
    [1104, 0, 0, 0, 0, 0, 0, 149, 0, 0, 0, 80],
    [669, 0, 0, 0, 0, 0, 0, 407, 0, 0, 0, 335],
    93.74,
    dict(zip(NAMES, [58.3, 75.0, 74.3, 81.5, 96.4, 84.7], strict=True)),
)
GREATER_THAN = Published(
    [3, 0, 0, 0, 0, 0, 4, 3, 7, 11, 0, 0],
    [167, 0, 0, 0, 0, 0, 251, 181, 427, 675, 0, 0],
    [1184, 1265, 0, 0, 0, 0, 0, 0, 664, 707, 750, 0],
    [743, 708, 0, 0, 0, 0, 0, 0, 675, 704, 690, 0],
    95.95,
    dict(zip(NAMES, [58.3, 58.3, 80.6, 81.5, 87.6, 61.8], strict=True)),
)


def circuit_of(table: Published) -> Circuit:
    """A circuit with as many units in every layer; which ones, the tables do not say."""
    universe = Universe.of(gpt2_small(), SPEC)
    kept = torch.zeros(universe.size, dtype=torch.bool)
    for group in universe.groups:
        layer, nodes = group.layer, kept[group.nodes]
        heads, channels = table.heads[layer], table.channels[layer]
        match group.site, group.granularity:
            case "attn.resid_delta", "block":
                nodes[:] = heads > 0
            case "mlp.resid_delta", "block":
                nodes[:] = table.hidden[layer] > 0
            case "attn.z", "head":
                nodes[:heads] = True
            case "attn.z", "channel":  # dealt out over the heads in turn
                for place in range(channels):
                    nodes[64 * (place % heads) + place // heads] = True
            case "mlp.post_act", _:
                nodes[: table.hidden[layer]] = True
            case _:
                nodes[: table.outputs[layer]] = True
    return Circuit(universe, kept)


# In its table 1 the paper prints for IOI what was pruned of the MLPs as what is active; the
# shares there and the counts in its table 4 agree with each other, so those are held to.
@pytest.mark.parametrize("table", [IOI, PRONOUNS, GREATER_THAN])
def test_the_papers_tables_come_out_of_the_circuits_they_describe(table):
    found = summarise(circuit_of(table))
    assert list(found.granularities) == NAMES == list(table.sparsity)
    for name, sparsity in table.sparsity.items():
        # a table that cuts digits off and one that rounds them both pass
        assert 100 * found.granularities[name].sparsity == pytest.approx(sparsity, abs=0.1), name
    assert found.paper_edges is not None
    assert round(100 * found.paper_edges.sparsity, 2) == table.compression
    for row in found.layers:
        layer = row.layer
        assert row.heads.kept == table.heads[layer] == len(row.kept_heads)
        assert row.head_channels.kept == table.channels[layer]
        assert (row.hidden.kept, row.outputs.kept) == (table.hidden[layer], table.outputs[layer])
        assert row.attention == (table.heads[layer] > 0)
        assert row.mlp == (table.hidden[layer] > 0)


def test_full_counts_of_gpt2_small():
    found = summarise(Circuit.full(Universe.of(gpt2_small(), SPEC)))
    assert found.paper_edges == Count(kept=31_902 + 877, total=31_902 + 877)
    assert found.edges == Count(kept=32_491, total=32_491)
    # 12 layers of 4 x 768 x 768 and 2 x 768 x 3072, with biases by the paper's rule
    assert found.parameters.total == 12 * (4 * 768**2 + 2 * 768 * 3072)
    assert found.paper_parameters.total == found.parameters.total + 12 * (5 * 768 + 3072)
    assert len(found.heads) == 144 and found.heads[0] == "0.0" and found.heads[-1] == "11.11"


def test_paper_edges_on_a_worked_example():
    """Layer 0: two heads and an MLP; layer 1: one head; layer 2: an MLP."""
    heads, mlps = [2, 1, 0], [True, False, True]
    among = 3 * 1 * 3 + 1 * 4  # the head reads three units thrice, the last MLP four units once
    assert paper_edges(heads, mlps) == among + 5 + (6 * 3 + 2 + 1)


def test_hierarchy_holds_both_ways():
    universe = Universe.of(tiny("llama", Sizes(layers=3)).shape, f"{SPEC},embed:block,layer")
    circuit = Circuit.full(universe)
    circuit.kept[universe.node("0.attn.resid_delta.block")] = False
    circuit.kept[[universe.node(f"1.attn.z.{channel}") for channel in range(4)]] = False
    circuit.kept[[universe.node(f"1.mlp.post_act.{channel}") for channel in range(12)]] = False
    circuit.kept[universe.node("0.embed.block")] = False
    circuit.kept[universe.node("2.layer.block")] = False
    found = summarise(circuit)
    first, second, third = found.layers
    # down: what lies in a dropped block is gone
    assert not first.attention and first.heads.kept == first.head_channels.kept == 0
    # up: a head without channels is gone, and an MLP without hidden channels writes nothing
    assert second.kept_heads == (1, 2, 3) and second.head_channels.kept == 12
    assert not second.mlp and second.outputs.kept == 0
    assert not third.attention and not third.mlp and third.hidden.kept == 0
    assert found.heads == ["1.1", "1.2", "1.3"]
    assert (found.granularities["layer:block"].kept, len(found.layers)) == (2, 3)
    assert found.granularities["embed:block"].kept == 0
    assert found.edges is not None and found.edges.kept == 0  # no path from the embedding


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), share=st.floats(0, 1))
def test_counts_agree_with_the_circuits_own_where_nothing_is_nested(family, sizes, share):
    model = tiny(family, sizes)
    circuit = random_circuit(model, "mlp.post_act, attn.z:head", share=share, seed=sizes.seed)
    found = summarise(circuit)
    for part, (kept, total) in circuit.by_part().items():
        assert (found.granularities[part].kept, found.granularities[part].total) == (kept, total)
    assert (found.edges is None) == bool(FAMILIES[family].attn.write)
    assert found.paper_edges is not None
    full = paper_edges([sizes.heads] * sizes.layers, [True] * sizes.layers)
    assert found.paper_edges.total == full


@pytest.mark.parametrize("family", ["gpt2", "llama", "phi3", "weight_sparse"])
@given(seed=st.integers(0, 100))
def test_parameters_are_those_that_an_extraction_keeps(family, seed):
    """Whole key/value groups, so that none of their rows has to be repeated."""
    model = tiny(family, Sizes(seed=6 * seed))  # of these seeds AbsTopK is at every node
    universe = Universe.of(model.shape, "mlp.post_act, attn.z:head")
    circuit = random_circuit(model, universe.spec, share=0.6, seed=seed)
    for group in universe.groups:
        if group.granularity == "head":
            circuit.kept[group.nodes] = circuit.kept[group.nodes][::2].repeat_interleave(2)
    found = summarise(circuit).parameters
    for wanted, own in ((found.kept, circuit), (found.total, Circuit.full(universe))):
        small = extract(model, own, Zero(positions="all"), multiple=1)
        blocks = layers_of(small.hf, small.anatomy.family)
        weights = [p for block in blocks for p in block.parameters() if p.dim() == 2]
        assert sum(p.numel() for p in weights) == wanted


def test_a_circuit_of_edges_keeps_what_writes_along_them():
    edges = EdgeUniverse(tiny("llama", Sizes(layers=2)).shape)
    circuit = EdgeCircuit(edges, torch.zeros(edges.size, dtype=torch.bool))
    for name in ("input->a0.h0<v>", "a0.h1->m1", "m1->logits", "input->m0"):
        circuit.kept[edges.edge(name)] = True
    found = summarise(circuit)
    assert found.heads == ["0.1"]
    assert [row.mlp for row in found.layers] == [False, True]  # m0 writes nowhere
    assert (found.edges, found.paper_edges) == (Count(kept=3, total=edges.size), None)
    assert found.granularities["attn.z:head"] == Count(kept=1, total=8)
