import json
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit, Scores, Universe
from tapeout.errors import CircuitError
from tapeout.models import Fingerprint, Model

from ..tiny import Sizes, tiny, tiny_hf

UNIVERSE = Universe.of(tiny("llama", Sizes(layers=2)).shape, "mlp.post_act,attn.z:head")
masks = st.lists(st.booleans(), min_size=UNIVERSE.size, max_size=UNIVERSE.size)


def circuit(mask: list[bool]) -> Circuit:
    return Circuit(UNIVERSE, torch.tensor(mask))


@given(a=masks, b=masks)
def test_set_algebra_is_that_of_sets(a, b):
    left, right = circuit(a), circuit(b)
    in_a = {i for i, kept in enumerate(a) if kept}
    in_b = {i for i, kept in enumerate(b) if kept}
    nodes = lambda c: {UNIVERSE.node(name) for name in c.nodes()}  # noqa: E731
    assert nodes(left | right) == in_a | in_b
    assert nodes(left & right) == in_a & in_b
    assert nodes(left - right) == in_a - in_b
    assert nodes(~left) == set(range(UNIVERSE.size)) - in_a
    assert (left | right).size + (left & right).size == left.size + right.size


@given(a=masks)
def test_sizes_add_up(a):
    kept = circuit(a)
    assert sum(row.kept for row in kept.by_layer()) == kept.size == sum(a)
    assert sum(row.total for row in kept.by_layer()) == UNIVERSE.size
    assert kept.share == kept.size / UNIVERSE.size


@given(a=masks)
def test_saved_and_loaded_is_the_same(a, tmp_path):
    means = {(1, "attn.z"): torch.rand(16)}
    mark = Fingerprint("somewhere", "abc")
    before = Circuit(UNIVERSE, torch.tensor(a), mark, {"task": "t"}, means)
    before.save(tmp_path)
    after = Circuit.load(tmp_path)
    assert after == before
    assert (after.fingerprint, after.origin) == (mark, {"task": "t"})
    assert torch.equal(after.means[1, "attn.z"], means[1, "attn.z"])


def test_does_not_combine_with_another_universe():
    other = Circuit.full(Universe.of(UNIVERSE.shape, "mlp.post_act"))
    with pytest.raises(CircuitError, match="different universes"):
        Circuit.full(UNIVERSE) | other
    shape = replace(UNIVERSE.shape, family="qwen2")
    with pytest.raises(CircuitError, match="different models"):
        Circuit.full(UNIVERSE) & Circuit.full(Universe.of(shape, UNIVERSE.spec))


def test_refuses_a_model_that_it_does_not_fit():
    model = tiny("llama", Sizes(layers=2))
    kept = Circuit.full(UNIVERSE, fingerprint=model.fingerprint)
    kept.check(model)
    with pytest.raises(CircuitError, match="numbers of layers differ: 2 and 3"):
        kept.check(tiny("llama"))
    with pytest.raises(CircuitError, match="families differ: llama and mistral"):
        kept.check(tiny("mistral", Sizes(layers=2)))
    with pytest.raises(CircuitError, match=r"post_act of layer 0 has 12 channels in one and 9"):
        kept.check(tiny("llama", Sizes(layers=2, d_mlp=9)))
    other = tiny("llama", Sizes(layers=2, seed=1))
    with pytest.raises(CircuitError, match="weights do not"):
        kept.check(other)
    kept.check(other, transfer=True)


def test_fingerprint_follows_the_weights():
    hf = tiny_hf("llama")
    model = Model(hf)
    before = model.fingerprint
    with torch.no_grad():
        hf.lm_head.weight[3, 1] += 1e-3
    assert model.fingerprint != before


def test_wrong_masks():
    with pytest.raises(CircuitError, match="needs 32 booleans"):
        Circuit(UNIVERSE, torch.ones(3, dtype=torch.bool))


def test_damaged_files(tmp_path):
    with pytest.raises(CircuitError, match="there is no circuit"):
        Circuit.load(tmp_path)
    Circuit.full(UNIVERSE).save(tmp_path)
    tensors = (tmp_path / "circuit.safetensors").read_bytes()
    (tmp_path / "circuit.safetensors").write_bytes(tensors[: len(tensors) // 2])
    with pytest.raises(CircuitError, match="damaged"):
        Circuit.load(tmp_path)
    Circuit.full(UNIVERSE).save(tmp_path)
    path = tmp_path / "circuit_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"schema_version": 99}))
    with pytest.raises(CircuitError, match="schema version 99"):
        Circuit.load(tmp_path)
    path.write_text("{")
    with pytest.raises(CircuitError, match="damaged"):
        Circuit.load(tmp_path)


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CircuitError, match="cannot write"):
        Circuit.full(UNIVERSE).save(tmp_path / "file" / "circuit")


def scores(values: list[float]) -> Scores:
    return Scores(UNIVERSE, torch.tensor(values))


@given(
    values=st.lists(st.floats(-5, 5, width=32), min_size=UNIVERSE.size, max_size=UNIVERSE.size),
    k=st.integers(0, UNIVERSE.size),
)
def test_top_keeps_the_k_best_nodes_of_all_parts(values, k):
    kept = scores(values).top(k).kept
    assert int(kept.sum()) == k
    inside = [v for v, yes in zip(values, kept.tolist(), strict=True) if yes]
    outside = [v for v, yes in zip(values, kept.tolist(), strict=True) if not yes]
    assert not inside or not outside or min(inside) >= max(outside)


def test_larger_tops_contain_smaller_ones():
    ranked = scores(torch.rand(UNIVERSE.size).tolist())
    shares = [0.0, 0.1, 0.25, 0.5, 0.75, 1.0]
    tops = [ranked.top(share=share) for share in shares]
    for small, large in pairwise(tops):
        assert (small - large).size == 0
    assert tops[0].size == 0 and tops[-1].size == UNIVERSE.size


def test_scores_refuse_nonsense():
    with pytest.raises(CircuitError, match="NaN"):
        scores([float("nan")] * UNIVERSE.size)
    for bad in ({}, {"k": 1, "share": 0.5}, {"k": -1}, {"k": 999}, {"share": 1.5}):
        with pytest.raises(CircuitError):
            scores([0.0] * UNIVERSE.size).top(**bad)


def test_scores_round_trip(tmp_path):
    before = Scores(UNIVERSE, torch.rand(UNIVERSE.size), Fingerprint("m", "w"), {"method": "x"})
    before.save(tmp_path)
    after = Scores.load(tmp_path)
    assert torch.equal(after.values, before.values)
    assert (after.fingerprint, after.origin) == (before.fingerprint, before.origin)
