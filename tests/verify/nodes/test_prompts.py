"""What nodes hold token by token, and attention that explains what heads give."""

import pytest
import torch

from tapeout.circuits import SPARSE_NODES, Circuit, Universe
from tapeout.interventions import record
from tapeout.models import Model, Tokens
from tapeout.verify.nodes import pair_activations, prompt_activations
from tapeout.verify.nodes._attention import watched_attention
from tapeout.verify.nodes._prompts import heads_of

from ...tiny import ALL_FAMILIES, Sizes, tiny_hf
from ...words import word_model, word_task
from .cases import Case, case


@pytest.fixture(scope="module")
def given() -> Case:
    return case()


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_weights_times_values_are_what_heads_give(family: str):
    model = Model(tiny_hf(family, Sizes(layers=3, seed=2)))
    tokens = Tokens(torch.randint(3, 60, (2, 9), generator=torch.Generator().manual_seed(0)))
    before = model.hf.config._attn_implementation
    with model.frozen(), torch.no_grad(), watched_attention(model) as weights:
        model.logits(tokens)
    assert model.hf.config._attn_implementation == before and set(weights) == {0, 1, 2}
    assert not any(module._forward_hooks for module in model.hf.modules())
    for layer, own in weights.items():
        with model.frozen():
            seen = record(model, tokens, [(layer, "attn.v"), (layer, "attn.z")])
        v, z = (x.unflatten(-1, (-1, model.shape.head_dim)).transpose(1, 2) for x in seen.values())
        v = v.repeat_interleave(z.shape[1] // v.shape[1], dim=1)
        assert own.triu(1).abs().max() == 0
        assert torch.allclose(own @ v, z, atol=1e-5)


def test_sinks_take_their_part():
    hf = tiny_hf("weight_sparse", Sizes(layers=1))
    with torch.no_grad():
        hf.transformer.h[0].attn.sink.fill_(2.0)
    model = Model(hf)
    with model.frozen(), torch.no_grad(), watched_attention(model) as weights:
        model.logits(Tokens(torch.tensor([[3, 4, 5, 6]])))
    total = weights[0].sum(dim=-1)
    assert (total < 0.95).all() and (total > 0).all()


def test_the_last_token_is_what_pairs_hold_at_the_answer(given: Case):
    split = given.task.test.take(3)
    found = prompt_activations(given.model, given.circuit, split)
    pairs = pair_activations(given.model, given.circuit, split)
    assert found.nodes == pairs.nodes and len(found.pairs) == 3
    for place, sides in enumerate(found.pairs):
        for side, own in enumerate(sides):
            text = split.examples[place].counterfactual if side else split.examples[place].prompt
            assert " ".join(own.tokens) == text
            assert torch.allclose(own.values[:, -1], pairs.values[:, place, side], atol=1e-5)
            assert own.attention.shape == (len(found.heads), *[len(own.tokens)] * 2)
            assert own.cut == 0
        assert len(sides[0].tokens) == len(sides[1].tokens)


def test_long_prompts_keep_their_ends(given: Case):
    split = given.task.test.take(1)
    ((whole, _),) = prompt_activations(given.model, given.circuit, split).pairs
    ((short, _),) = prompt_activations(given.model, given.circuit, split, most_tokens=2).pairs
    assert short.tokens == whole.tokens[-2:] and short.cut == len(whole.tokens) - 2
    assert torch.equal(short.values, whole.values[:, -2:])
    assert torch.equal(short.attention, whole.attention[:, -2:, -2:])


def test_heads_are_those_of_the_nodes():
    model = word_model("llama", Sizes(layers=2, groups=2, kv_heads=2))
    universe = Universe.of(model.shape, "attn.z:head,attn.k:head,mlp.post_act")
    circuit = Circuit.of(universe, ["0.attn.z.head3", "1.attn.k.head1", "1.mlp.post_act.0"])
    assert heads_of(model, circuit) == [(0, 3), (1, 2), (1, 3)]
    none = Circuit.of(universe, ["0.mlp.post_act.1"])
    ((side, _),) = prompt_activations(model, none, word_task(n=4).test.take(1)).pairs
    assert side.attention.shape == (0, len(side.tokens), len(side.tokens))
    sparse = Model(tiny_hf("weight_sparse", Sizes(layers=1, head_dim=4)))
    channels = Universe.of(sparse.shape, SPARSE_NODES)
    one = Circuit.of(channels, ["0.attn.q.5", "0.attn.v.1", "0.attn.act_in.0"])
    assert heads_of(sparse, one) == [(0, 0), (0, 1)]
