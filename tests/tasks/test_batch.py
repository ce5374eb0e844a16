import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.tasks import Example, Split

from .toy_tokenizers import SINGLE_DIGITS, toy

TOY = toy(SINGLE_DIGITS)


def sums(pairs: list[tuple[int, int]], *, partners: bool = True) -> Split:
    """Additions whose counterfactual is one more in each operand's first digit, roughly."""
    examples = []
    for a, b in pairs:
        other = {"counterfactual": f"{a}+{b}=", "counterfactual_answer": f"{a + b}\n"}
        examples.append(
            Example(prompt=f"{b}+{a}=", answers=(f"{a + b}\n",), **(other if partners else {}))
        )
    return Split("sums", examples, TOY)


Pairs = st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1, max_size=12)


@settings(deadline=None, max_examples=15)
@given(Pairs, st.integers(1, 5))
def test_rows_read_prompt_then_answer_without_its_last_token(
    pairs: list[tuple[int, int]], size: int
):
    split = sums(pairs)
    seen: list[int] = []
    for batch in split.batches(size, partner="counterfactual"):
        assert 1 <= len(batch) <= size
        assert batch.partners is not None
        seen += batch.rows.tolist()
        for place, row in enumerate(batch.rows.tolist()):
            encoded = split.encoded[row]
            (answer,) = encoded.answers
            assert batch.examples[place] is split[row]
            assert batch.answers[place].tolist() == answer
            assert batch.accepted[place].tolist() == answer[:1]
            clean = encoded.prompt + answer[:-1]
            assert read(batch.tokens, place) == clean
            assert read(batch.partners, place) == (
                encoded.counterfactual + encoded.counterfactual_answer[:-1]
            )
            assert read(batch.prompts, place) == encoded.prompt
            assert read(batch.lockstep, place + len(batch)) == read(batch.partners, place)
            assert read(batch.lockstep_prompts, place + len(batch)) == encoded.counterfactual
    assert sorted(seen) == list(range(len(split)))


def read(tokens, row: int) -> list[int]:
    keep = tokens.full_mask[row].bool()
    assert keep.tolist() == sorted(keep.tolist())  # padding is on the left
    return tokens.ids[row][keep].tolist()


def test_accepted_and_foils_are_padded_with_minus_one():
    examples = [
        Example(prompt="So", answers=(" he", " she"), foils=(" a",)),
        Example(prompt="So", answers=(" he",), foils=(" a", " to", " is")),
        Example(prompt="So", answers=(" he",)),
    ]
    (batch,) = Split("x", examples, TOY).batches()
    he, she, a, to, is_ = TOY(" he she a to is").input_ids
    assert batch.accepted.tolist() == [[he, she], [he, -1], [he, -1]]
    assert batch.foils.tolist() == [[a, -1, -1], [a, to, is_], [-1, -1, -1]]
    assert batch.answers.tolist() == [[he]] * 3


def test_without_any_foils():
    (batch,) = sums([(1, 2), (3, 4)]).batches()
    assert batch.foils.shape == (2, 0)


def test_without_partners():
    (batch,) = sums([(1, 2)]).batches()
    assert batch.partners is None
    with pytest.raises(TaskError, match="made without partners"):
        _ = batch.lockstep


def test_a_missing_counterfactual_is_named():
    split = sums([(1, 2)], partners=False)
    with pytest.raises(TaskError, match=r"counterfactual for every example; '2\+1=' has none"):
        list(split.batches(partner="counterfactual"))


def test_resampled_partners_are_other_examples_of_the_same_length():
    pairs = [(a, b) for a in range(1, 9) for b in (1, 11)]
    split = sums(pairs, partners=False)
    texts = {example.prompt + example.answers[0][:-1] for example in split}
    chosen = set()
    for batch in split.batches(partner="resample"):
        assert batch.partners is not None
        for place, example in enumerate(batch.examples):
            text = TOY.decode(read(batch.partners, place))
            assert text in texts
            assert text != example.prompt + example.answers[0][:-1]
            assert len(text) == len(example.prompt + example.answers[0][:-1])
            chosen.add(text)
    assert len(chosen) > 5


def test_resampling_depends_on_its_seed_only():
    split = sums([(a, b) for a in range(1, 9) for b in (11, 12)], partners=False)

    def partners(seed: int) -> list[torch.Tensor]:
        batches = split.batches(partner="resample", seed=seed)
        return [batch.partners.ids for batch in batches if batch.partners is not None]

    assert all(torch.equal(x, y) for x, y in zip(partners(0), partners(0), strict=True))
    assert not all(torch.equal(x, y) for x, y in zip(partners(0), partners(1), strict=True))


def test_resampling_a_lone_length():
    with pytest.raises(TaskError, match=r"'111\+1=' is the only one of 6 tokens"):
        list(sums([(1, 2), (1, 3), (1, 111)], partners=False).batches(partner="resample"))


def test_a_batch_that_is_half_full_ends_where_prompts_get_longer():
    prompts = [f"{n}+1=" for n in range(5)] + [f"{n}+1=" for n in range(100, 105)]
    split = Split("lengths", [Example(prompt=p, answers=("1",)) for p in prompts], TOY)
    batches = list(split.batches(8))
    assert [len(batch) for batch in batches] == [5, 5]
    assert all(batch.tokens.mask is None for batch in batches)
    assert [len(batch) for batch in split.batches(12)] == [10]


def test_rows_that_share_as_much_with_their_partners_stand_together():
    pairs = [("1+2=", "1+3="), ("4+5=", "6+5="), ("7+1=", "7+2="), ("8+1=", "9+1=")]
    examples = [
        Example(prompt=own, answers=("1",), counterfactual=other, counterfactual_answer="2")
        for own, other in pairs
    ]
    batches = list(Split("pairs", examples, TOY).batches(2, partner="counterfactual"))
    assert [batch.rows.tolist() for batch in batches] == [[1, 3], [0, 2]]
    assert [batch.shared for batch in batches] == [0, 2]


@settings(deadline=None, max_examples=15)
@given(Pairs, st.integers(1, 60))
def test_parts_hold_the_same_rows(pairs: list[tuple[int, int]], tokens: int):
    for batch in sums(pairs).batches(8, partner="counterfactual"):
        parts = batch.parts(tokens)
        assert all(len(part) == 1 or part.tokens.ids.numel() <= tokens for part in parts)
        for field in ("rows", "answers", "accepted", "foils"):
            joined = torch.cat([getattr(part, field) for part in parts])
            assert torch.equal(joined, getattr(batch, field))
        for field in ("tokens", "partners"):
            whole = getattr(batch, field)
            some = [getattr(part, field) for part in parts]
            assert torch.equal(torch.cat([t.ids for t in some]), whole.ids)
            assert torch.equal(torch.cat([t.full_mask for t in some]), whole.full_mask)
        assert all(part.shared >= batch.shared for part in parts)
        assert [e for part in parts for e in part.examples] == list(batch.examples)
