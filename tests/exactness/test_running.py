"""Handles, padding, caches, lockstep: what a run may never change."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit
from tapeout.extraction import extract
from tapeout.interventions import Counterfactual, Scale, Zero, greedy, restrict
from tapeout.models import Model, Tokens, attached

from ..tiny import (
    ALL_FAMILIES,
    VOCAB,
    Sizes,
    gap,
    random_circuit,
    random_tokens,
    some_sizes,
    static_replacement,
    tiny,
    tiny_hf,
)

EXACT = 1e-5
SPEC = "mlp.post_act, attn.z:head"


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes())
def test_handle_without_gates_is_the_hugging_face_model(family, sizes):
    hf = tiny_hf(family, sizes)
    tokens = random_tokens(3, 9)
    with torch.no_grad():
        before = hf(tokens.ids).logits
        model = Model(hf)
        assert torch.equal(model.logits(tokens), before)
        full = Circuit.full(random_circuit(model, SPEC).universe)
        with restrict(model, full, Zero(positions="all")):
            assert torch.equal(hf(tokens.ids).logits, before)
        assert torch.equal(hf(tokens.ids).logits, before)


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), kind=st.sampled_from(["zero", "mean"]))
def test_padded_batch_equals_one_at_a_time(family, sizes, kind):
    model = tiny(family, sizes)
    circuit = random_circuit(model, SPEC, seed=sizes.seed)
    replacement = static_replacement(model, circuit, kind, "all_but_first")
    rows = [random_tokens(1, n, seed=n).ids[0].tolist() for n in (3, 8, 5)]
    starts = [row[0] for row in rows]
    small = extract(model, circuit, replacement, first_tokens=starts)
    with torch.no_grad(), restrict(model, circuit, replacement):
        together = model.logits(Tokens.pad(rows), keep=1)[:, 0]
        alone = torch.cat([model.logits(Tokens.pad([row]), keep=1)[:, 0] for row in rows])
    with torch.no_grad():
        cut = small.logits(Tokens.pad(rows), keep=1)[:, 0]
    assert gap(together, alone) <= EXACT
    assert gap(together, cut) <= EXACT


def _last_logits(model: Model, tokens: Tokens, steps: int) -> list[torch.Tensor]:
    """Next-token logits after each greedy step, each time by a forward over the whole text."""
    found = []
    for _ in range(steps):
        logits = model.logits(tokens, keep=1)[:, 0]
        found.append(logits)
        ids = torch.cat([tokens.ids, logits.argmax(-1, keepdim=True)], 1)
        mask = torch.cat([tokens.full_mask, torch.ones_like(ids[:, :1])], 1)
        tokens = Tokens(ids, mask)
    return found


def _cached_logits(model: Model, tokens: Tokens, steps: int) -> list[torch.Tensor]:
    """The same with a cache, left to count positions by itself where nothing is padded."""
    from transformers import DynamicCache

    cache, found = DynamicCache(config=model.hf.config), []
    ids, mask = tokens.ids, tokens.full_mask
    for _ in range(steps):
        place = (
            {}
            if tokens.mask is None
            else {
                "attention_mask": mask,
                "position_ids": (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :],
            }
        )
        logits = model.hf(ids, past_key_values=cache, use_cache=True, **place).logits[:, -1]
        found.append(logits)
        ids = logits.argmax(-1, keepdim=True)
        mask = torch.cat([mask, torch.ones_like(ids)], 1)
    return found


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("padded", [False, True])
def test_cached_equals_uncached_under_gates(family, padded):
    model = tiny(family)
    circuit = random_circuit(model, SPEC)
    rows = [random_tokens(1, n, seed=n).ids[0].tolist() for n in ((3, 6) if padded else (6, 6))]
    tokens = Tokens.pad(rows)
    for kind in ("zero", "mean"):
        replacement = static_replacement(model, circuit, kind, "all_but_first")
        with torch.no_grad(), restrict(model, circuit, replacement):
            plain, cached = _last_logits(model, tokens, 5), _cached_logits(model, tokens, 5)
            written = greedy(model, tokens, 5)
        for a, b in zip(plain, cached, strict=True):
            assert gap(a, b) <= EXACT
        assert torch.equal(written, torch.stack([a.argmax(-1) for a in plain], 1))


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("gone", [[0], [0, 1], [1], [0, 2], [0, 1, 2, 3]])
@pytest.mark.parametrize("padded", [False, True])
def test_cached_equals_uncached_after_attention_was_removed(family, gone, padded):
    """A first layer without attention must not hold the cache slot that counts tokens."""
    model = tiny(family, Sizes(layers=4))
    circuit = random_circuit(model, "attn.resid_delta:block, mlp.resid_delta:block", share=1.0)
    circuit = circuit - Circuit.of(circuit.universe, [f"{i}.attn.resid_delta.block" for i in gone])
    rows = [random_tokens(1, n, seed=n).ids[0].tolist() for n in ((3, 6) if padded else (6, 6))]
    tokens = Tokens.pad(rows)
    replacement = static_replacement(model, circuit, "mean", "all_but_first")
    small = extract(model, circuit, replacement, first_tokens=[row[0] for row in rows])
    with torch.no_grad():
        plain = _last_logits(small, tokens, 5)
        with restrict(model, circuit, replacement):
            masked = _last_logits(model, tokens, 5)
        for a, b in zip(plain, masked, strict=True):
            assert gap(a, b) <= EXACT
        expected = torch.stack([a.argmax(-1) for a in plain], 1)
        assert torch.equal(greedy(small, tokens, 5), expected)
        for a, b in zip(plain, _cached_logits(small, tokens, 5), strict=True):
            assert gap(a, b) <= EXACT


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_hugging_face_generate_runs_the_circuit(family):
    model = tiny(family)
    circuit = random_circuit(model, SPEC)
    replacement = static_replacement(model, circuit, "mean", "all_but_first")
    tokens = random_tokens(2, 5)
    options = {"max_new_tokens": 6, "min_new_tokens": 6, "do_sample": False, "pad_token_id": 0}
    small = extract(model, circuit, replacement, first_tokens=tokens.ids[:, 0].tolist())
    mask = torch.ones_like(tokens.ids)
    with restrict(model, circuit, replacement):
        by_generate = model.hf.generate(tokens.ids, attention_mask=mask, **options)[:, 5:]
    cut = small.hf.generate(tokens.ids, attention_mask=mask, **options)[:, 5:]
    assert torch.equal(by_generate, cut)


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), spec=st.sampled_from([SPEC, "attn.q, attn.k, attn.v", "attn.act_in"]))
def test_counterfactual_in_lockstep_equals_patching_from_a_second_run(family, sizes, spec):
    model = tiny(family, sizes)
    circuit = random_circuit(model, spec, seed=sizes.seed)
    clean, other = random_tokens(2, 7, seed=1), random_tokens(2, 7, seed=2)
    with torch.no_grad(), restrict(model, circuit, Counterfactual(positions="all")):
        both = model.logits(clean.stack(other))
    saved = {}
    gates = circuit.universe.expand(circuit.kept)
    handles = [
        model.tap(*key).attach(lambda whole, key=key: saved.__setitem__(key, whole.clone()))
        for key in gates
    ]
    with torch.no_grad():
        alone = model.logits(other)
    for handle in handles:
        handle.remove()

    def patch(key):
        tap, gate = model.tap(*key), gates[key]
        return lambda whole: tap.put(
            whole, torch.where(gate, tap.select(whole), tap.select(saved[key]))
        )

    handles = [model.tap(*key).attach(patch(key)) for key in gates]
    with torch.no_grad():
        patched = model.logits(clean)
    for handle in handles:
        handle.remove()
    assert gap(both[:2], patched) <= EXACT
    assert gap(both[2:], alone) <= EXACT


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_everything_replaced_by_the_counterfactual_is_the_counterfactual_run(family):
    model = tiny(family, Sizes(seed=2))  # without a bigram table, which reads past all nodes
    universe = random_circuit(model, "embed, attn.resid_delta, mlp.resid_delta").universe
    clean, other = random_tokens(2, 7, seed=1), random_tokens(2, 7, seed=2)
    with torch.no_grad(), restrict(model, Circuit.empty(universe), Counterfactual(positions="all")):
        both = model.logits(clean.stack(other))
    assert torch.equal(both[:2], both[2:])


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_scale_multiplies_the_circuit_and_leaves_the_rest(family):
    model = tiny(family)
    circuit = random_circuit(model, "mlp.post_act")
    tokens = random_tokens(2, 6)
    doubled = Model(copy.deepcopy(model.hf))
    with torch.no_grad():
        for (layer, site), gate in circuit.universe.expand(circuit.kept).items():
            factor = 1 + gate.float()
            weight = doubled.tap(layer, site).module.weight
            weight.mul_(factor[:, None] if family == "gpt2" else factor[None])
        with restrict(model, circuit, Scale(factor=2.0, positions="all")):
            assert gap(model.logits(tokens), doubled.logits(tokens)) <= EXACT
        with restrict(model, Circuit.empty(circuit.universe), Scale(factor=2.0)):
            assert torch.equal(model.logits(tokens), model.hf(tokens.ids).logits)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_differentiable_gates_get_their_gradient(family):
    """d loss / d gate at 1 is activation x gradient, summed over the node's channels."""
    model = tiny(family)
    circuit = random_circuit(model, "attn.z:head, mlp.post_act", share=1.0)
    tokens = random_tokens(2, 6)
    gate = torch.ones(circuit.universe.size, requires_grad=True)
    with model.frozen(), restrict(model, circuit.universe.expand(gate), Zero(positions="all")):
        model.logits(tokens)[..., 7].sum().backward()
    assert gate.grad is not None
    seen: dict = {}
    keys = list(circuit.universe.expand(circuit.kept))
    watches = [
        (model.tap(*key), lambda whole, key=key: seen.__setitem__(key, whole)) for key in keys
    ]
    with attached(watches):  # parameters require gradients here, so activations have them too
        value = model.logits(tokens)[..., 7].sum()
    gradients = torch.autograd.grad(value, [seen[key] for key in keys])
    for group in circuit.universe.groups:
        key = (group.layer, group.site)
        product = (seen[key] * gradients[keys.index(key)]).sum((0, 1))
        assert gap(gate.grad[group.nodes], product.view(group.count, -1).sum(-1)) <= EXACT


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_the_callers_model_is_untouched(family):
    hf = tiny_hf(family).train()
    for i, p in enumerate(hf.parameters()):
        p.requires_grad_(i % 2 == 0)
    before = {name: p.detach().clone() for name, p in hf.named_parameters()}
    flags = [p.requires_grad for p in hf.parameters()]
    modes = [m.training for m in hf.modules()]
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in hf.modules()]
    model = Model(hf)
    circuit = random_circuit(model, SPEC)
    tokens = random_tokens(2, 6)
    state = torch.random.get_rng_state()
    with model.frozen(), restrict(model, circuit, static_replacement(model, circuit, "mean")):
        model.logits(tokens)
    with pytest.raises(ZeroDivisionError), model.frozen(), restrict(model, circuit, Zero()):
        raise ZeroDivisionError
    extract(model, circuit, Zero(positions="all"))
    assert torch.equal(state, torch.random.get_rng_state())
    assert [p.requires_grad for p in hf.parameters()] == flags
    assert [m.training for m in hf.modules()] == modes
    assert [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in hf.modules()] == hooks
    assert all(torch.equal(before[name], p) for name, p in hf.named_parameters())
    assert all(p.grad is None for p in hf.parameters())


def test_tokens_stay_within_the_vocabulary():
    assert int(random_tokens(50, 50).ids.max()) < VOCAB
