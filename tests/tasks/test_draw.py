import random
from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.tasks import SPLITS, Counts, Example
from tapeout.tasks._draw import CONTRAST, SHARES, assemble, deal, evenly, token_counts, unpack

from .toy_tokenizers import SHORT_PIECES, SINGLE_DIGITS, toy

Seeds = st.integers(0, 2**32)


@given(st.integers(1, 6), st.integers(0, 60), Seeds)
def test_deal_gives_each_item_to_one_split_and_enough_to_all(least: int, spare: int, seed: int):
    items = list(range(4 * least + spare))
    parts = deal(items, random.Random(seed), least=least)
    assert list(parts) == list(SPLITS)
    assert sorted(item for part in parts.values() for item in part) == items
    for split, part in parts.items():
        assert len(part) >= least
        assert abs(len(part) - least - SHARES[split] * spare) < len(SPLITS)


def test_deal_depends_on_the_seed():
    items = list(range(40))
    assert deal(items, random.Random(0)) == deal(items, random.Random(0))
    assert deal(items, random.Random(0)) != deal(items, random.Random(1))


@given(st.lists(st.integers(0, 8), min_size=1, max_size=6), Seeds, st.data())
def test_evenly_draws_different_prompts_evenly(sizes: list[int], seed: int, data: st.DataObject):
    n = data.draw(st.integers(0, sum(sizes)))
    chosen = evenly(sizes, n, random.Random(seed), split="x")
    assert len(chosen) == len(set(chosen)) == n
    taken = Counter(cell for cell, _ in chosen)
    assert all(0 <= index < sizes[cell] for cell, index in chosen)
    most = max(taken.values(), default=0)
    for cell, size in enumerate(sizes):
        assert taken[cell] >= min(size, most - 1)


def test_evenly_says_how_many_there_are():
    with pytest.raises(TaskError, match=r"ioi/test can have 5 different prompts at most, not 6"):
        evenly([2, 3], 6, random.Random(0), split="ioi/test")


def test_every_split_and_seed_has_a_random_source_of_its_own():
    def first_draws(seed: int) -> list[float]:
        draws: list[float] = []

        def examples(split: str, count: int, rng: random.Random) -> list[Example]:
            draws.append(rng.random())
            return [Example(prompt=f"So {split}", answers=(" he",))] * count

        counts, tokenizer = Counts.of(2), toy(SINGLE_DIGITS)
        assemble("x", tokenizer, examples, counts=counts, seed=seed, metrics=CONTRAST)
        return draws

    assert first_draws(0) == first_draws(0)
    assert len({*first_draws(0), *first_draws(1)}) == 2 * len(SPLITS)


def test_unpack_counts_like_nested_loops():
    bases = (3, 2, 4)
    loops = [list(digits) for digits in product(*(range(base) for base in bases))]
    assert [unpack(index, *bases) for index in range(24)] == loops


def test_token_counts_leaves_out_what_is_unknown():
    words = ["Mary", "Elizabeth", "Xavier"]
    assert token_counts(toy(SINGLE_DIGITS), words) == {"Mary": 1, "Elizabeth": 1}
    assert token_counts(toy(SHORT_PIECES), words) == {"Mary": 1, "Elizabeth": 2}
    assert token_counts(toy(SINGLE_DIGITS, adds_bos=True), ["Mary"]) == {"Mary": 1}
