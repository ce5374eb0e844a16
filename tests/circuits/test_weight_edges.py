"""Edges of weights, against counts by hand and against the model itself."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tapeout.circuits import SPARSE_NODES, Circuit, Universe, WeightEdges, weight_edges
from tapeout.errors import CircuitError
from tapeout.interventions import Mean, restrict
from tapeout.models import Model
from tapeout.models.modeling_weight_sparse import WeightSparseForCausalLM

from ..tiny import (
    VOCAB,
    Sizes,
    gap,
    random_circuit,
    random_tokens,
    some_sizes,
    static_replacement,
    tiny,
    weight_sparse,
)

QKV = {"attn.q": 0, "attn.k": 1, "attn.v": 2}
"""Their places in the projection that holds all three."""


def sparse(sizes: Sizes, **changes: object) -> Model:
    """A weight-sparse transformer of which half the weights and biases are zero."""
    settings = {"vocab_size": VOCAB, "kept_share": 1.0, "stream_activation": "identity"}
    settings |= {"positions": "none", "position_channels": 0}
    torch.manual_seed(sizes.seed)
    hf = WeightSparseForCausalLM(weight_sparse(sizes, **settings | changes)).eval()
    with torch.no_grad():
        for name, p in hf.named_parameters():
            if "ln_" not in name and "sink" not in name:
                p.copy_(torch.randn_like(p) * (torch.rand_like(p) < 0.5))
    return Model(hf, name="sparse")


def by_hand(model: Model, circuit: Circuit) -> dict[tuple[int, str, str], dict]:
    """Every edge by looking at every entry of every matrix."""
    kept = set(circuit.nodes())
    width = model.shape.width(0, "attn.v")
    found: dict[tuple[int, str, str], dict] = {}
    for layer, block in enumerate(model.hf.transformer.h):
        rows = block.attn.c_attn.weight.tolist()
        matrices = {
            ("attn.act_in", f"attn.{part}"): rows[place * width : (place + 1) * width]
            for place, part in enumerate("qkv")
        }
        matrices["attn.v", "attn.resid_delta"] = block.attn.c_proj.weight.tolist()
        matrices["mlp.act_in", "mlp.post_act"] = block.mlp.c_fc.weight.tolist()
        matrices["mlp.post_act", "mlp.resid_delta"] = block.mlp.c_proj.weight.tolist()
        for (source, target), matrix in matrices.items():
            found[layer, source, target] = {
                (start, end): weight
                for end, row in enumerate(matrix)
                for start, weight in enumerate(row)
                if weight
                and f"{layer}.{source}.{start}" in kept
                and f"{layer}.{target}.{end}" in kept
            }
    return found


@given(some_sizes(), st.floats(0, 1))
def test_every_nonzero_weight_between_two_kept_nodes_is_an_edge(sizes: Sizes, share: float):
    model = sparse(sizes)
    circuit = random_circuit(model, SPARSE_NODES, share=share, seed=sizes.seed)
    found = weight_edges(model, circuit)
    expected = by_hand(model, circuit)
    for part in found.connections:
        pairs = zip(part.start.tolist(), part.end.tolist(), strict=True)
        edges = dict(zip(pairs, part.weight.tolist(), strict=True))
        assert edges == expected.pop((part.layer, part.source, part.target))
    assert not expected
    counts = found.counts()
    assert counts["nodes"] == circuit.size
    assert counts["edges"] == sum(map(len, found.connections))


@given(some_sizes(), st.sampled_from([0.3, 0.8]))
def test_edges_and_biases_are_all_that_the_circuit_runs_on(sizes: Sizes, share: float):
    # a sink takes a part of a dropped value's mean that differs from position to position
    model = sparse(sizes, bias=True, sinks=False)
    circuit = random_circuit(model, SPARSE_NODES, share=share, seed=sizes.seed)
    fill = static_replacement(model, circuit, "mean")
    assert isinstance(fill, Mean)
    tokens = random_tokens(3, 6)
    with torch.no_grad(), restrict(model, circuit, fill):
        masked = model.logits(tokens)
    alone = only(model, weight_edges(model, circuit), fill)
    with torch.no_grad(), restrict(alone, circuit, fill, transfer=True):
        assert gap(alone.logits(tokens), masked) < 1e-4 * float(masked.abs().max())


def only(model: Model, found: WeightEdges, fill: Mean) -> Model:
    """The model without any weight that is no edge.

    What dropped nodes are given goes through the dropped weights into the bias of a kept one.
    """
    hf = copy.deepcopy(model.hf)
    gates = found.circuit.universe.expand(found.circuit.active)
    layers = {"attn.act_in": 0, "attn.v": 1, "mlp.act_in": 2, "mlp.post_act": 3}
    with torch.no_grad():
        for layer, block in enumerate(hf.transformer.h):
            attn, mlp = block.attn, block.mlp
            linears: list[nn.Linear] = [attn.c_attn, attn.c_proj, mlp.c_fc, mlp.c_proj]
            kept = [torch.zeros_like(linear.weight) for linear in linears]
            for part in found.connections:
                if part.layer == layer:
                    width = len(gates[layer, part.target])
                    shift = (
                        width * ("attn.q", "attn.k", "attn.v").index(part.target)
                        if (part.source == "attn.act_in")
                        else 0
                    )
                    kept[layers[part.source]][part.end + shift, part.start] = part.weight
            for site, place in layers.items():
                dropped = fill.at((layer, site)) * ~gates[layer, site]
                linears[place].bias.add_(linears[place].weight @ dropped)
                linears[place].weight.copy_(kept[place])
    return Model(hf, name="edges alone")


def test_an_edge_less_changes_the_circuit():
    model = sparse(Sizes(layers=1), bias=True, sinks=False)
    circuit = Circuit.full(Universe.of(model.shape, SPARSE_NODES))
    tokens = random_tokens(2, 5)
    found = weight_edges(model, circuit)
    fill = static_replacement(model, circuit, "mean")
    assert isinstance(fill, Mean)
    for part in found.connections:
        part.weight[0] = 0
        with torch.no_grad():
            assert gap(only(model, found, fill).logits(tokens), model.logits(tokens)) > 1e-3


def test_what_lies_outside_the_blocks_has_columns_of_its_own():
    model = sparse(Sizes(layers=2), bias=True)
    nodes = ["0.attn.act_in.1", "1.mlp.act_in.1", "1.mlp.act_in.3", "0.mlp.resid_delta.2"]
    nodes += ["0.attn.q.0", "1.mlp.post_act.4"]
    circuit = Circuit.of(Universe.of(model.shape, SPARSE_NODES), nodes)
    found = weight_edges(model, circuit, read=[5, 7, 7], written=[9])
    hf = model.hf
    into = hf.transformer.wte.weight[[5, 7]][:, [1, 3]]
    assert found.counts() == {
        "nodes": 6,
        "edges": sum(
            bool(w)
            for w in (
                hf.transformer.h[0].attn.c_attn.weight[0, 1],
                hf.transformer.h[1].mlp.c_fc.weight[4, 1],
                hf.transformer.h[1].mlp.c_fc.weight[4, 3],
            )
        ),
        "edges_embedding": int((into != 0).sum()),
        "edges_unembedding": int(hf.lm_head.weight[9, 2] != 0),
        "biases": sum(
            bool(b)
            for b in (
                hf.transformer.h[0].attn.c_attn.bias[0],
                hf.transformer.h[1].mlp.c_fc.bias[4],
                hf.transformer.h[0].mlp.c_proj.bias[2],
            )
        ),
    }
    everything = weight_edges(model, circuit).counts()
    table = hf.transformer.wte.weight[:, [1, 3]]
    assert everything["edges_embedding"] == int((table != 0).sum())
    assert everything["edges_unembedding"] == int((hf.lm_head.weight[:, 2] != 0).sum())


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox"])
def test_dense_families_of_the_same_layout_have_all_edges(family: str):
    model = tiny(family)
    circuit = random_circuit(model, SPARSE_NODES)
    kept = circuit.universe.expand(circuit.kept)
    for part in weight_edges(model, circuit).connections:
        ends = kept[part.layer, part.source], kept[part.layer, part.target]
        assert len(part) == part.pairs == int(ends[0].sum()) * int(ends[1].sum())


@pytest.mark.parametrize("family", ["llama", "gemma2", "phi3"])
def test_gated_and_grouped_families_have_none(family: str):
    model = tiny(family)
    with pytest.raises(CircuitError, match="no single weight"):
        weight_edges(model, random_circuit(model, "mlp.post_act"))
