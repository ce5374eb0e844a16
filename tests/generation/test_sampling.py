"""Draws follow the model's distribution, and depend on nothing but the seed and the row's place."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.generation import Sampling, SharedPrefix, Stops, generate, last_logits

from ..tiny import ALL_FAMILIES, random_tokens, tiny

ROWS = [random_tokens(1, n, seed=n).ids[0].tolist() for n in (4, 2, 7, 3, 2, 5)]


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_a_rows_sample_depends_on_seed_and_place_alone(family):
    model = tiny(family)
    prefix = SharedPrefix.read(model, ROWS[2])
    options = {"limit": 8, "prefix": prefix, "sampling": Sampling(temperature=0.8, seed=5)}
    alone = generate(model, ROWS, batch_size=1, **options)
    for size in (2, 4, 32):
        assert generate(model, ROWS, batch_size=size, **options) == alone
    # other rows end earlier, or are not there
    stops = Stops.of(None, ids=[alone[3].ids[2]])
    for each, long in zip(generate(model, ROWS, stops=stops, **options), alone, strict=True):
        assert each.ids == long.ids[: len(each.ids)]
    assert generate(model, ROWS[:3], **options) == alone[:3]
    other = options | {"sampling": Sampling(temperature=0.8, seed=6)}
    assert generate(model, ROWS, **other) != alone


def test_draws_follow_the_distribution():
    model, n = tiny("llama"), 3000
    row = ROWS[0]
    for settings in ({}, {"temperature": 2.0}, {"top_k": 5}, {"top_p": 0.4}):
        sampling = Sampling(**settings, seed=1)
        found = generate(model, [row] * n, limit=1, sampling=sampling, batch_size=n)
        counts = torch.bincount(torch.tensor([each.ids[0] for each in found]), minlength=61) / n
        logits = last_logits(model, [row])[0] / sampling.temperature
        if sampling.top_k:
            logits[logits < logits.sort(descending=True).values[4]] = -torch.inf
        shares = logits.softmax(-1)
        if sampling.top_p < 1:
            shares = nucleus(shares, 0.4)
        assert bool((counts[shares == 0] == 0).all())
        # five standard errors of every share
        assert bool(((counts - shares).abs() <= 5 * (shares / n).sqrt() + 1e-9).all())


def nucleus(shares: torch.Tensor, top_p: float) -> torch.Tensor:
    """By hand: likeliest first, until they have `top_p` together."""
    kept, total = torch.zeros_like(shares), 0.0
    for token in shares.argsort(descending=True).tolist():
        kept[token] = shares[token]
        total += float(shares[token])
        if total >= top_p:
            break
    return kept / kept.sum()


@given(
    seed=st.integers(0, 1000),
    vocabulary=st.integers(2, 900),
    top_p=st.floats(0.01, 1),
    top_k=st.integers(0, 900),
    sharpness=st.sampled_from([0.01, 1.0, 10.0]),
)
def test_a_draw_is_among_the_likeliest(seed, vocabulary, top_p, top_k, sharpness):
    logits = sharpness * torch.randn(3, vocabulary, generator=torch.Generator().manual_seed(seed))
    sampling = Sampling(top_p=top_p, top_k=top_k)
    for draw in (0.0, 0.5, 1 - 2**-53):
        for row, token in enumerate(sampling.choose(logits, [draw] * 3).tolist()):
            shares = logits[row].softmax(-1)
            if 0 < top_k < vocabulary:
                shares = shares.where(shares >= shares.sort(descending=True).values[top_k - 1], 0)
                shares = shares / shares.sum()
            likelier = float(shares[shares > shares[token]].sum())
            assert likelier < top_p + 1e-5
            assert shares[token] > 0
    assert Sampling(top_k=1).choose(logits, [0.7] * 3).tolist() == logits.argmax(-1).tolist()


@given(
    st.integers(0, 99),
    st.integers(2, 3000),
    st.floats(0.01, 0.99),
    st.sampled_from([0.0, 1.0, 3.0]),
)
def test_a_draw_is_that_of_the_whole_vocabulary(seed, vocabulary, top_p, sharpness):
    """What is outside the set has no share; the order is that of the vocabulary, ties and all."""
    generator = torch.Generator().manual_seed(seed)
    logits = (sharpness * torch.randn(3, vocabulary, generator=generator)).bfloat16()  # has ties
    draws = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    shares = logits.float().softmax(-1)
    ordered = shares.sort(dim=-1, descending=True).values
    last = (ordered.cumsum(-1, dtype=torch.float64) < top_p).sum(-1, keepdim=True)
    floor = ordered.gather(-1, last.clamp(max=vocabulary - 1))
    sums = shares.where(shares >= floor, 0).cumsum(-1, dtype=torch.float64)
    at = torch.tensor(draws, dtype=torch.float64)[:, None] * sums[:, -1:]
    expected = torch.searchsorted(sums, at, right=True)[:, 0]
    found = Sampling(temperature=1.0, top_p=top_p).choose(logits, draws)
    assert torch.equal(found, expected)
