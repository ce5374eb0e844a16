"""Edges: what a patched edge means, held against runs that know nothing of edges."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit, EdgeCircuit, Universe
from tapeout.errors import CircuitError
from tapeout.find import edge_attribution
from tapeout.interventions import Counterfactual, Wiring, edges_of, restrict, restrict_edges, writes
from tapeout.models import FAMILIES

from ..tiny import ALL_FAMILIES, gap, random_tokens, some_sizes, tiny
from ..words import word_model, word_task

EXACT = 1e-5
PRE_NORM = [name for name in ALL_FAMILIES if not FAMILIES[name].attn.write]


def doubled(family, sizes=None):
    """In float64, since a norm of two channels blows rounding up."""
    model = tiny(family, sizes)
    model.hf.double()
    return model


def logits_of(model, kept, clean, other, after=None):
    wiring = Wiring(model, edges_of(model))
    patched_in = writes(wiring, other, after=after)
    with torch.no_grad(), restrict_edges(wiring, kept, patched_in):
        return model.logits(clean, after=after)


@pytest.mark.parametrize("family", PRE_NORM)
@given(sizes=some_sizes())
def test_all_edges_are_the_model_and_none_is_the_other_run(family, sizes):
    model = doubled(family, sizes)
    clean, other = random_tokens(2, 7, seed=1), random_tokens(2, 7, seed=2)
    edges = edges_of(model)
    everything = torch.ones(edges.size, dtype=torch.bool)
    with torch.no_grad():
        assert gap(logits_of(model, everything, clean, other), model.logits(clean)) <= EXACT
        assert gap(logits_of(model, ~everything, clean, other), model.logits(other)) <= EXACT


@pytest.mark.parametrize("family", PRE_NORM)
@given(sizes=some_sizes(), share=st.floats(0, 1))
def test_patching_all_edges_out_of_heads_and_mlps_is_patching_the_nodes(family, sizes, share):
    model = doubled(family, sizes)
    clean, other = random_tokens(2, 7, seed=1), random_tokens(2, 7, seed=2)
    edges = edges_of(model)
    universe = Universe.of(model.shape, "embed:block, attn.z:head, mlp.resid_delta:block")
    draw = torch.rand(universe.size, generator=torch.Generator().manual_seed(sizes.seed))
    circuit = Circuit(universe, draw < share)
    kept_writers = []
    for writer in edges.writers:
        kind, _, head = writer.partition(".h")
        node = f"{kind[1:]}.attn.z.head{head}" if head else f"{kind[1:]}.mlp.resid_delta.block"
        node = "0.embed.block" if writer == "input" else node
        kept_writers.append(bool(circuit.kept[universe.node(node)]))
    kept = torch.tensor(kept_writers)[edges.places[:, 0]]
    with torch.no_grad(), restrict(model, circuit, Counterfactual(positions="all")):
        by_nodes = model.logits(clean.stack(other))[:2]
    assert gap(logits_of(model, kept, clean, other), by_nodes) <= EXACT


@pytest.mark.parametrize("family", PRE_NORM)
def test_edge_attribution_is_the_slope_of_patching_an_edge(family):
    """The derivative of the metric by an edge's gate, all gates at 1, is the edge's score."""
    model, task = word_model(family), word_task(n=4)
    scores = edge_attribution(model, task.train, batch_size=2)
    wiring = Wiring(model, scores.universe)
    total = torch.zeros(scores.universe.size)
    with model.frozen():
        for batch in task.train.batches(2, partner="counterfactual"):
            gates = torch.ones(scores.universe.size, requires_grad=True)
            with restrict_edges(wiring, gates, writes(wiring, batch.partners)):
                value = task.metric().of(model.logits(batch.tokens, keep=1), batch).sum()
            total += torch.autograd.grad(value, gates)[0]
    assert gap(scores.values, total / 4) <= 10 * EXACT
    assert float(scores.values.abs().max()) > 1e-2


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_edges_behind_a_shared_prefix(family):
    model, task = word_model(family), word_task()
    (batch, *_) = task.test.batches(4, partner="counterfactual")
    edges = edges_of(model)
    kept = torch.rand(edges.size, generator=torch.Generator().manual_seed(0)) < 0.7
    after = model.read(batch.tokens, batch.shared)
    assert after is not None
    whole = logits_of(model, kept, batch.tokens, batch.partners)
    behind = logits_of(model, kept, batch.tokens, batch.partners, after)
    assert gap(whole[:, batch.shared :], behind) <= EXACT


@pytest.mark.parametrize("family", sorted(set(ALL_FAMILIES) - set(PRE_NORM)))
def test_families_that_normalise_writes_have_no_edges_of_heads(family):
    with pytest.raises(CircuitError, match="use nodes"):
        edges_of(tiny(family))


def test_gpt2_has_as_many_edges_as_the_literature_counts():
    """32,491 for GPT-2 small (ACDC, MIB)."""
    from dataclasses import replace

    from tapeout.circuits import EdgeUniverse

    small = tiny("gpt2").shape
    widths = {
        site: tuple([768] * 12) if "mlp.post" not in site else tuple([3072] * 12)
        for site in small.widths
    }
    shape = replace(small, head_dim=64, widths=widths)
    assert EdgeUniverse(shape).size == 32_491
    assert len(EdgeUniverse(shape).writers) == 157


def test_only_edges_on_a_path_count():
    model = tiny("llama")
    edges = edges_of(model)
    kept = torch.zeros(edges.size, dtype=torch.bool)
    for name in ("input->logits", "input->m0", "m1->logits", "a0.h0->logits", "input->a0.h0<q>"):
        kept[edges.edge(name)] = True
    circuit = EdgeCircuit(edges, kept)
    names = {edges.name(int(edge)) for edge in circuit.active.nonzero()}
    assert names == {"input->logits", "a0.h0->logits", "input->a0.h0<q>"}
    assert circuit.heads == 1
    with pytest.raises(CircuitError, match="no edge"):
        edges.edge("m2->a0.h0<q>")
