import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit, Universe
from tapeout.errors import CircuitError

from ..tiny import Sizes, some_sizes, tiny

SPECS = [
    "mlp.post_act",
    "attn.z",
    "attn.q:channel, attn.z:head",
    "attn.z:channel attn.z:head + attn.resid_delta:block",
    "embed,mlp.resid_delta",
]


@given(sizes=some_sizes(), spec=st.sampled_from(SPECS))
def test_every_node_has_a_name_that_leads_back_to_it(sizes, spec):
    universe = Universe.of(tiny("llama", sizes).shape, spec)
    names = [universe.name(node) for node in range(universe.size)]
    assert len(set(names)) == universe.size
    assert [universe.node(name) for name in names] == list(range(universe.size))


def test_numbers_and_default_granularities():
    shape = tiny("llama", Sizes(layers=2, groups=2, kv_heads=2, d_mlp=5)).shape
    universe = Universe.of(shape, "mlp.post_act,attn.z,attn.k")
    assert universe.spec == "mlp.post_act:channel,attn.z:head,attn.k:head"
    assert universe.size == 2 * 5 + 2 * 4 + 2 * 2
    assert universe.name(0) == "0.mlp.post_act.0"
    assert universe.name(9) == "1.mlp.post_act.4"
    assert universe.name(10) == "0.attn.z.head0"
    assert universe.name(21) == "1.attn.k.head1"


def test_expand_multiplies_the_gates_above():
    shape = tiny("llama", Sizes(layers=1, groups=1, kv_heads=2, head_dim=2)).shape
    universe = Universe.of(shape, "attn.z:channel,attn.z:head")
    values = torch.tensor([1.0, 0.5, 1.0, 1.0, 0.5, 0.0])
    (gate,) = universe.expand(values).values()
    assert gate.tolist() == [0.5, 0.25, 0.0, 0.0]


def test_a_channel_of_a_dropped_head_or_block_is_not_active():
    shape = tiny("llama", Sizes(layers=1, groups=1, kv_heads=2, head_dim=2)).shape
    universe = Universe.of(shape, "attn.z:channel,attn.z:head,attn.resid_delta:block")
    kept = Circuit.of(
        universe,
        [
            "0.attn.z.0",
            "0.attn.z.2",
            "0.attn.z.head1",
            "0.attn.resid_delta.block",
        ],
    )
    assert kept.nodes() == ["0.attn.z.2", "0.attn.z.head1", "0.attn.resid_delta.block"]
    without_block = kept - Circuit.of(universe, ["0.attn.resid_delta.block"])
    assert without_block.size == 0


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mlp.post_atc", "did you mean 'mlp.post_act'"),
        ("attn.z:haed", "did you mean 'head'"),
        ("mlp.post_act:head", "has no heads"),
        ("attn.z,attn.z:head", "named twice"),
        ("  ", "at least one site"),
    ],
)
def test_bad_words(spec, message):
    with pytest.raises(CircuitError, match=message):
        Universe.of(tiny("llama").shape, spec)


def test_bad_nodes():
    universe = Universe.of(tiny("llama").shape, "mlp.post_act")
    for name in ("0.mlp.post_act.999", "9.mlp.post_act.0", "0.attn.z.head0", "nonsense"):
        with pytest.raises(CircuitError, match="no node"):
            universe.node(name)
    with pytest.raises(CircuitError, match="no node"):
        universe.name(universe.size)
    with pytest.raises(CircuitError, match="no node -1"):
        Circuit.of(universe, [-1])


def test_a_universe_of_another_shape_is_refused():
    universe = Universe.of(tiny("llama").shape, "mlp.post_act")
    with pytest.raises(CircuitError, match="belongs to another model"):
        Universe.of(tiny("llama", Sizes(d_mlp=9)).shape, universe)
