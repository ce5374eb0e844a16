import copy
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tapeout
from tapeout.errors import ModelError
from tapeout.models import Model
from tapeout.sparse import run_sparse
from tapeout.sparse._inference import SparseLinear
from tapeout.sparse._projection import project, sparse_parameters

from ..tiny import VOCAB, gap, random_tokens, some_sizes, tiny_hf
from .small import small


def sparse_model():
    model = small(vocab_size=VOCAB).eval()
    project(sparse_parameters(model), density=0.04, floor=0)
    return Model(model, name="sparse")


def sparse_modules(model):
    return {name for name, m in model.hf.named_modules() if isinstance(m, SparseLinear)}


@given(
    sizes=some_sizes(),
    density=st.sampled_from([0.001, 0.02, 0.2, 0.9]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 9)),
)
def test_computes_what_the_dense_model_does(sizes, density, dtype, shape):
    hf = tiny_hf("weight_sparse", sizes).to(dtype)
    project(sparse_parameters(hf), density, 0)
    model = Model(hf)
    found = run_sparse(model, below=0.95)
    assert len(sparse_modules(found)) == 4 * model.shape.n_layers + 1
    tokens = random_tokens(*shape)
    with torch.no_grad():
        dense, sparse = model.logits(tokens), found.logits(tokens)
    assert sparse.dtype == dtype
    assert gap(dense, sparse) <= 1e-5 * max(dense.abs().max().item(), 1)


def test_only_matrices_below_the_break_even_are_sparse():
    model = sparse_model()
    torch.nn.init.normal_(model.hf.lm_head.weight)
    found = sparse_modules(run_sparse(model, below=0.1))
    assert found and "lm_head" not in found
    assert "lm_head" in sparse_modules(run_sparse(model, below=1.1))


def test_the_callers_model_stays_and_weights_are_shared():
    model = sparse_model()
    before = torch.random.get_rng_state()
    found = run_sparse(model)
    assert not sparse_modules(model) and sparse_modules(found)
    assert torch.equal(before, torch.random.get_rng_state())
    assert found.fingerprint == model.fingerprint
    pairs = zip(model.hf.parameters(), found.hf.parameters(), strict=True)
    assert all(one is other for one, other in pairs)


def test_a_change_of_the_weights_is_seen_also_by_copies():
    model = sparse_model()
    tokens = random_tokens(2, 5)
    found = run_sparse(model)
    with torch.no_grad():
        found.logits(tokens)
        other = Model(copy.deepcopy(found.hf))
        for own in (model, other):
            for sparse in sparse_parameters(own.hf):
                sparse.weight.mul_(3)
        expected = model.logits(tokens)
        assert gap(found.logits(tokens), expected) < 1e-5
        assert gap(other.logits(tokens), expected) < 1e-5


def test_gradients_are_those_of_the_dense_model():
    model = sparse_model()
    found = run_sparse(model)
    for frozen in (False, True):
        grads = []
        for own in (model, found):
            own.hf.requires_grad_(True)
            ids = random_tokens(2, 5).ids
            if frozen:
                own.hf.requires_grad_(False)
            x = own.hf.get_input_embeddings()(ids).detach().requires_grad_()
            block = own.hf.transformer["h"][0]
            block(x, None, None, True).square().sum().backward()
            grads.append(x.grad)
            if not frozen:
                assert block.mlp.c_fc.weight.grad is not None
        assert gap(*grads) < 1e-5


def test_saves_and_loads_as_an_ordinary_model(tmp_path):
    found = run_sparse(sparse_model())
    found.save_pretrained(tmp_path)
    opened = tapeout.load(tmp_path)
    assert not sparse_modules(opened)
    tokens = random_tokens(2, 5)
    with torch.no_grad():
        assert gap(opened.logits(tokens), found.logits(tokens)) < 1e-5


def test_what_cannot_run_sparsely():
    with pytest.raises(ModelError, match=r"sparsest keeps 100\.0%"):
        run_sparse(Model(small()))
    with pytest.raises(ModelError, match="bfloat16 on cpu"):
        run_sparse(Model(small().bfloat16()))
    with (
        mock.patch("torch.backends.mkl.is_available", return_value=False),
        pytest.raises(ModelError, match="MKL"),
    ):
        run_sparse(sparse_model())
