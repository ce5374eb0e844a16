import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import ModelError
from tapeout.models import Tokens
from tapeout.sparse.bridges import Bridges, Entering, Sublayers, paired

from ...code_tokenizer import bytes_only, code_tokenizer
from ...tiny import ALL_FAMILIES, Sizes, gap, random_tokens, tiny
from .pair import dense_model, sparse_model

EVERY = slice(None)


def identity(places, width):
    bridges = Bridges(places, width, width, share=1.0, seed=0)
    with torch.no_grad():
        for bridge in bridges:
            for linear in (bridge.encoder, bridge.decoder):
                linear.weight.copy_(torch.eye(width))
    return bridges


@torch.no_grad()
@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(seed=st.integers(0, 30))
def test_identity_bridges_between_two_copies_change_nothing(family, seed):
    model = tiny(family, Sizes(seed=seed))
    if getattr(model.hf.config, "use_parallel_residual", False):
        with pytest.raises(ModelError, match="read the same stream"):
            Sublayers(model)
        return
    one, two = paired(model, tiny(family, Sizes(seed=seed)))
    ids = random_tokens(3, 7, seed=seed).ids
    alone = model.logits(Tokens(ids))
    streams = one.run(ids).streams
    bridges = identity(len(one), one.width)
    for map_ in ("encode", "decode"):
        entering = [
            Entering(place, EVERY, getattr(bridges[place], map_)(stream))
            for place, stream in enumerate(streams)
        ]
        for own in (True, False):
            got = two.run(ids, entering, own=own).logits
            assert len(got) == 3 * (len(streams) + own)
            for part in got.split(3):
                assert gap(part, alone) <= 1e-5


@torch.no_grad()
def test_streams_of_another_text_enter_where_they_are_said_to():
    """At the last sublayer, what came before is the other text's; earlier, all that follows."""
    model = Sublayers(sparse_model())
    ids, others = torch.arange(10).view(2, 5), torch.arange(10, 20).view(2, 5)
    streams = model.run(others).streams
    for place in (0, 3):
        rows = torch.tensor([1, 0])
        got = model.run(ids, [Entering(place, rows, streams[place][rows])]).logits
        assert gap(got[:2], model.run(ids).logits) <= 1e-6
        assert gap(got[2:], model.run(others[rows]).logits) <= 1e-6


def test_gradients_reach_what_enters_through_frozen_weights():
    model = dense_model()
    sublayers, ids = Sublayers(model), torch.arange(10).view(2, 5)
    with torch.no_grad():
        streams = sublayers.run(ids).streams
    entering = [stream.clone().requires_grad_() for stream in streams]
    with model.frozen():
        passed = sublayers.run(
            ids, [Entering(at, EVERY, s) for at, s in enumerate(entering)], own=False
        )
    passed.logits.square().sum().backward()
    assert all(stream.grad is not None and stream.grad.abs().sum() > 0 for stream in entering)
    assert all(p.grad is None and p.requires_grad for p in model.hf.parameters())
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.hf.modules()]
    assert not sum(hooks)


def test_what_does_not_fit():
    with pytest.raises(ModelError, match="dense has 2 layers and sparse 1"):
        paired(dense_model(), sparse_model(num_hidden_layers=1))
    with pytest.raises(ModelError, match="dense has 24 tokens and sparse 25"):
        paired(dense_model(), sparse_model(vocab_size=25))
    one, two = dense_model(), sparse_model()
    one._tokenizer, two._tokenizer = code_tokenizer(), bytes_only()
    with pytest.raises(ModelError, match="different tokenizers"):
        paired(one, two)
