"""A step of one token behind what was read before is the whole forward."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit, Universe
from tapeout.extraction import extract
from tapeout.interventions import Pasts, Scale, Zero, restrict
from tapeout.models import Tokens

from ..tiny import ALL_FAMILIES, VOCAB, Sizes, gap, tiny

SPEC = "attn.q:head,attn.k:head,attn.v:head,mlp.post_act:channel"


def rows_behind(shared, lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    own = [torch.randint(3, VOCAB, (n,), generator=generator).tolist() for n in lengths]
    return Tokens.pad([[*shared, *row] for row in own])


def gated(model, tokens, gates, replacement, after=None):
    """Logits at the last position, and the gradient of something uneven by the gates."""
    universe = Universe.of(model.shape, SPEC)
    gates = gates.clone().requires_grad_()
    with restrict(model, universe.expand(gates), replacement):
        logits = model.logits(tokens, keep=1, after=after)
    weights = torch.linspace(-1, 1, logits.numel()).reshape(logits.shape)
    (weights * logits).sum().backward()
    assert gates.grad is not None
    return logits.detach(), gates.grad


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(
    shared=st.integers(0, 6),
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    seed=st.integers(0, 9),
)
def test_one_token_gives_the_logits_and_gradients_of_the_whole_forward(
    family, shared, lengths, seed
):
    model = tiny(family, Sizes(layers=2, seed=seed))
    beginning = list(range(3, 3 + shared))
    tokens = rows_behind(beginning, lengths, seed)
    draw = torch.Generator().manual_seed(seed)
    gates = torch.rand(Universe.of(model.shape, SPEC).size, generator=draw)
    pasts = Pasts(model, beginning)
    for replacement in (Scale(factor=2.0, positions="last"), Zero(positions="last")):
        with model.frozen():
            whole = gated(model, tokens, gates, replacement)
            step = gated(model, tokens, gates, replacement, pasts.of(tokens))
        assert gap(whole[0], step[0]) <= 1e-5
        assert gap(whole[1], step[1]) <= 1e-5 * max(float(whole[1].abs().max()), 1.0)


def test_a_beginning_is_kept_once_and_the_rest_within_the_budget():
    model = tiny("llama")
    beginning = list(range(3, 23))
    batches = [rows_behind(beginning, [4, 3], seed) for seed in range(3)]
    free = Pasts(model, beginning)
    own = [past.nbytes for batch in batches if (past := free.of(batch))]
    per_column = 2 * 2 * 4 * 4 * 3  # keys and values, heads, channels, bytes, layers
    assert own == [2 * 3 * per_column] * 3
    assert free._bytes == sum(own) + 20 * per_column
    tight = Pasts(model, beginning, budget=20 * per_column + 2 * own[0])
    first = [tight.of(batch) for batch in batches]
    again = [tight.of(batch) for batch in batches]
    assert [a is b for a, b in zip(first, again, strict=True)] == [True, True, False]
    assert tight._bytes <= tight.budget
    for batch, past in zip(batches, again, strict=True):
        assert torch.equal(
            model.logits(batch, keep=1, after=past),
            model.logits(batch, keep=1, after=free.of(batch)),
        )


def test_rows_that_start_otherwise_are_read_whole():
    model = tiny("llama")
    tokens = rows_behind([3, 4, 5], [4, 2])
    past = Pasts(model, [3, 4, 6]).of(tokens)
    assert past is not None and past.columns == 6
    assert gap(model.logits(tokens, keep=1), model.logits(tokens, keep=1, after=past)) <= 1e-5
    assert Pasts(model).of(rows_behind([], [1])) is None


def test_equal_ids_under_other_padding_are_another_batch():
    model = tiny("llama")
    ids = torch.tensor([[0, 0, 5, 6], [7, 8, 9, 10]])
    padded = Tokens(ids, torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]]))
    pasts = Pasts(model)
    for tokens in (Tokens(ids), padded):
        step = model.logits(tokens, keep=1, after=pasts.of(tokens))
        assert gap(model.logits(tokens, keep=1), step) <= 1e-5


@pytest.mark.parametrize("family", ["llama", "gemma2", "weight_sparse"])
def test_layers_whose_attention_was_cut_out(family):
    model = tiny(family)
    universe = Universe.of(model.shape, "attn.resid_delta:block, mlp.resid_delta:block")
    for gone in (["0.attn.resid_delta.block"], ["1.attn.resid_delta.block"]):
        circuit = Circuit.full(universe) - Circuit.of(universe, gone)
        small = extract(model, circuit, Zero(positions="all"))
        tokens = rows_behind([3, 4, 5], [4, 2])
        past = Pasts(small, [3, 4, 5]).of(tokens)
        whole, step = small.logits(tokens, keep=1), small.logits(tokens, keep=1, after=past)
        assert gap(whole, step) <= 1e-5


def test_a_model_attends_as_before_afterwards():
    model = tiny("llama")
    tokens = rows_behind([3, 4, 5], [4, 2])
    past = Pasts(model, [3, 4, 5]).of(tokens)
    own = model.hf.config._attn_implementation
    model.logits(tokens, keep=1, after=past)
    assert model.hf.config._attn_implementation == own
    broken = model.hf.lm_head.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.logits(tokens, keep=1, after=past)
    broken.remove()
    assert model.hf.config._attn_implementation == own
