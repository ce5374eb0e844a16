"""Writing in batches behind a shared beginning equals writing row by row from the whole prompt."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.extraction import extract
from tapeout.generation import SharedPrefix, Stops, choices, generate, last_logits
from tapeout.generation._cache import SharedCache
from tapeout.generation._forward import at_work, forward
from tapeout.generation._rows import padded
from tapeout.interventions import Scale, greedy, restrict
from tapeout.models import Model, Tokens

from ..tiny import (
    ALL_FAMILIES,
    VOCAB,
    gap,
    random_circuit,
    random_tokens,
    some_sizes,
    static_replacement,
    tiny,
)

SPEC = "mlp.post_act, attn.z:head, attn.k, attn.resid_delta:block"
LIMIT = 6
STOP = 17


def some_rows(*lengths: int) -> list[list[int]]:
    return [random_tokens(1, n, seed=n + 10 * i).ids[0].tolist() for i, n in enumerate(lengths)]


PREFIX = some_rows(7)[0]
ROWS = some_rows(3, 5, 1, 5)


def by_transformers(model: Model, prompt: list[int], limit: int = LIMIT) -> tuple[int, ...]:
    """What `generate` of transformers appends to a whole prompt."""
    ids = torch.tensor([prompt])
    settings = {"max_new_tokens": limit, "do_sample": False, "eos_token_id": STOP}
    with torch.no_grad():
        whole = model.hf.generate(
            ids, attention_mask=torch.ones_like(ids), pad_token_id=0, **settings
        )
    return tuple(whole[0, len(prompt) :].tolist())


def written(model: Model, rows=ROWS, prefix=PREFIX, **options) -> list[tuple[int, ...]]:
    shared = SharedPrefix.read(model, prefix) if prefix else None
    options = {"limit": LIMIT, "stops": Stops.of(None, ids=[STOP])} | options
    return [each.ids for each in generate(model, rows, prefix=shared, **options)]


@pytest.mark.parametrize("family", ALL_FAMILIES)
@settings(max_examples=3)  # each compares with writing row by row
@given(sizes=some_sizes(), long=st.booleans(), batch_size=st.integers(1, 4))
def test_writing_equals_transformers_on_the_whole_prompt(family, sizes, long, batch_size):
    model = tiny(family, sizes)
    prefix = PREFIX if long else PREFIX[:1]
    expected = [by_transformers(model, prefix + row) for row in ROWS]
    assert written(model, prefix=prefix, batch_size=batch_size) == expected
    assert written(model, [prefix + r for r in ROWS], None, batch_size=batch_size) == expected


@pytest.mark.parametrize("family", ALL_FAMILIES)
@settings(max_examples=3)  # each compares with writing row by row
@given(
    sizes=some_sizes(),
    kind=st.sampled_from(["zero", "mean", "scale"]),
    positions=st.sampled_from(["all_but_first", "all", "last"]),
    batch_size=st.integers(1, 4),
)
def test_writing_under_gates_equals_row_by_row(family, sizes, kind, positions, batch_size):
    model = tiny(family, sizes)
    circuit = random_circuit(model, SPEC, seed=sizes.seed)
    if kind == "scale":
        replacement = Scale(factor=2.0, positions=positions)
    else:
        means = static_replacement(model, circuit, kind)
        replacement = type(means)(**{**vars(means), "positions": positions})
    outside = SharedPrefix.read(model, PREFIX)
    with restrict(model, circuit, replacement):
        expected = [
            tuple(greedy(model, Tokens.pad([PREFIX + row]), LIMIT)[0].tolist()) for row in ROWS
        ]
        options = {"limit": LIMIT, "batch_size": batch_size}
        for prefix in (outside, SharedPrefix.read(model, PREFIX)):
            assert [w.ids for w in generate(model, ROWS, prefix=prefix, **options)] == expected
        whole = [PREFIX + row for row in ROWS]
        assert [w.ids for w in generate(model, whole, **options)] == expected
    again = [by_transformers(model, PREFIX + row) for row in ROWS]
    stops = Stops.of(None, ids=[STOP])
    options |= {"prefix": outside, "stops": stops}
    assert [w.ids for w in generate(model, ROWS, **options)] == again


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("spec", ["layer, attn.z:head, mlp.post_act", "attn.resid_delta:block"])
def test_extracted_models_write_what_the_masked_one_does(family, spec):
    model = tiny(family)
    circuit = random_circuit(model, spec, share=0.5, seed=3)
    replacement = static_replacement(model, circuit, "mean", "all_but_first")
    starts = [row[0] for row in [*ROWS, PREFIX]]
    small = extract(model, circuit, replacement, first_tokens=starts)
    with restrict(model, circuit, replacement):
        expected = written(model, [PREFIX + row for row in ROWS], None)
        assert written(model) == expected
    for batch_size in (2, 4):
        assert written(small, batch_size=batch_size) == expected
    assert written(small, [PREFIX + row for row in ROWS], None) == expected


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_what_is_shared_is_held_once(family):
    model = tiny(family)
    shared = SharedPrefix.read(model, PREFIX).of(model)
    assert shared.columns == len(PREFIX)
    assert shared.apart == (family != "weight_sparse")
    cache = SharedCache(shared, 4, None)
    ids, _ = padded(some_rows(4, 4, 4), model.device)
    with at_work(model):
        forward(model, cache, ids, keep=1)
    for layer, slot in zip(cache.layers, shared.slots, strict=True):
        assert slot is not None and layer.shared is slot
        assert layer.keys.shape[2] == (4 if shared.apart else 4 + len(PREFIX))


@pytest.mark.parametrize("family", ALL_FAMILIES)
@settings(max_examples=3)  # each compares with writing row by row
@given(sizes=some_sizes(), behind=st.booleans(), batch_size=st.integers(1, 4))
def test_choices_and_last_logits_are_those_of_the_whole_rows(family, sizes, behind, batch_size):
    model = tiny(family, sizes)
    start = PREFIX if behind else []
    options = {"prefix": SharedPrefix.read(model, PREFIX) if behind else None}
    options |= {"batch_size": batch_size}
    with torch.no_grad():
        logits = [model.logits(Tokens.pad([start + row]))[0, len(start) :] for row in ROWS]
    assert choices(model, ROWS, **options) == [each.argmax(-1).tolist() for each in logits]
    last = torch.stack([each[-1] for each in logits])
    assert gap(last_logits(model, ROWS, **options), last) <= 1e-5


def test_queries_in_parts_attend_as_at_once(monkeypatch):
    for family in ("llama", "gemma2", "mistral"):
        model = tiny(family)
        expected = written(model), choices(model, ROWS, prefix=SharedPrefix.read(model, PREFIX))
        with monkeypatch.context() as patch:
            patch.setattr("tapeout.generation._attention.SCORES_IN_CACHE", 50)
            prefix = SharedPrefix.read(model, PREFIX)
            assert (written(model), choices(model, ROWS, prefix=prefix)) == expected


def test_long_texts_outlive_a_sliding_window():
    for family in ("mistral", "gemma2", "gemma3_text"):
        model = tiny(family)
        expected = [by_transformers(model, PREFIX + row, 40) for row in ROWS]
        assert written(model, limit=40) == expected


def test_a_changed_weight_makes_the_beginning_run_again():
    model = tiny("llama")
    prefix = SharedPrefix.read(model, PREFIX)
    before = prefix.of(model)
    assert prefix.of(model) is before
    with torch.no_grad():
        model.hf.model.layers[0].mlp.up_proj.weight.mul_(3)
    expected = [by_transformers(model, PREFIX + row) for row in ROWS]
    found = generate(model, ROWS, limit=LIMIT, prefix=prefix, stops=Stops.of(None, ids=[STOP]))
    assert [each.ids for each in found] == expected


def test_a_text_says_how_it_ended_and_progress_is_told():
    model = tiny("llama")
    told = []
    free = generate(model, ROWS, limit=LIMIT)
    stops = Stops.of(None, ids={each.ids[i % 4] for i, each in enumerate(free)})
    found = generate(
        model, ROWS, limit=LIMIT, stops=stops, progress=lambda *n: told.append(n), batch_size=2
    )
    for each, long in zip(found, free, strict=True):
        end = next((i for i, token in enumerate(long.ids) if token in stops.ids), LIMIT - 1)
        assert each.ids == long.ids[: end + 1]
        assert each.ended == ("stop" if each.ids[-1] in stops.ids else "limit")
    assert told[-1] == (4, 4) and told == sorted(told)
    assert generate(model, [], limit=3) == [] and choices(model, []) == []
    assert last_logits(model, []).shape == (0, VOCAB)
