import torch

from tapeout.circuits import Circuit, Universe, as_edges
from tapeout.interventions import edges_of

from ..tiny import Sizes, tiny

MODEL = tiny("llama", Sizes(layers=2, groups=2, kv_heads=2))
EDGES = edges_of(MODEL)


def names(circuit):
    return {EDGES.name(int(edge)) for edge in as_edges(circuit, EDGES).active.nonzero()}


def test_everything_is_every_edge():
    universe = Universe.of(MODEL.shape, "attn.z:head, attn.z:channel, mlp.post_act")
    assert as_edges(Circuit.full(universe), EDGES).kept.all()


def test_what_is_gone_neither_reads_nor_writes():
    spec = "embed:block, attn.z:head, mlp.post_act, mlp.resid_delta:block"
    universe = Universe.of(MODEL.shape, spec)
    kept = ["0.embed.block", "0.attn.z.head3", "1.mlp.resid_delta.block", "0.mlp.post_act.3"]
    kept += ["1.mlp.post_act.7"]
    found = names(Circuit.of(universe, kept))
    assert found == {
        "input->a0.h3<q>",
        "input->a0.h1<k>",  # the key/value head of query heads 2 and 3
        "input->a0.h1<v>",
        "input->m1",
        "input->logits",
        "a0.h3->m1",
        "a0.h3->logits",
        "m1->logits",
    }


def test_a_dropped_block_takes_its_heads_along():
    universe = Universe.of(MODEL.shape, "attn.resid_delta:block, attn.z:head")
    kept = torch.ones(universe.size, dtype=torch.bool)
    kept[universe.node("1.attn.resid_delta.block")] = False
    assert not any("a1." in name for name in names(Circuit(universe, kept)))
