"""A text ends exactly where its stop is in the decoded text."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tapeout.generation import Stops, generate
from tapeout.generation._stops import UNFINISHED

from ..words import word_model, word_tokenizer

TEXTS = [
    "Q: How many?\nA: Let's think step by step. 3 + 4 = 7.\n\nQ: Who?\n",
    "naïve café — “quotes” … ½ × 3 ≥ ½\n",
    "日本語のテキスト、中文字 🙂🙃👩‍👩‍👧 ok\n",
]


@cache
def byte_level():
    """Tokens that are parts of characters, and tokens over several."""
    own = Tokenizer(models.BPE())
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    own.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<end>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    own.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=own, eos_token="<end>")


@cache
def sentence_piece():
    """As Llama's and Gemma's: spaces are signs, unknown characters are bytes, and the first space
    of a text goes."""
    plain = Tokenizer(models.BPE())
    plain.normalizer = normalizers.Replace(" ", "▁")
    plain.train_from_iterator(TEXTS[:2], trainers.BpeTrainer(vocab_size=150, show_progress=False))
    pieces = sorted(plain.get_vocab())
    vocabulary = ["<unk>", *[f"<0x{byte:02X}>" for byte in range(256)], *pieces]
    own = Tokenizer(
        models.BPE(
            {piece: i for i, piece in enumerate(vocabulary)},
            [],
            byte_fallback=True,
            unk_token="<unk>",
        )
    )
    own.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return PreTrainedTokenizerFast(tokenizer_object=own)


TOKENIZERS = {"bytes": byte_level, "pieces": sentence_piece, "words": word_tokenizer}


def decode(tokenizer, ids):
    return tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


@st.composite
def ids_and_strings(draw, tokenizer):
    """Tokens of a text, of some at random, or of both; and strings, of that text or not."""
    some = st.lists(st.integers(0, len(tokenizer) - 1), max_size=25)
    text = tokenizer.encode(draw(st.sampled_from(TEXTS)), add_special_tokens=False)
    ids = draw(some) + text[: draw(st.integers(0, 40))] + draw(some)
    whole = decode(tokenizer, ids)
    starts = draw(st.lists(st.integers(0, max(len(whole) - 1, 0)), max_size=2))
    strings = [whole[at : at + draw(st.integers(1, 6))] for at in starts]
    strings += draw(
        st.lists(st.sampled_from(["\n", "\nQ:", "é", "🙂", "zzz", "a", " "]), max_size=1)
    )
    return ids, [string for string in strings if string and UNFINISHED not in string]


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=300)
@given(data=st.data())
def test_a_string_is_found_as_soon_as_it_is_in_the_text(kind, data):
    tokenizer = TOKENIZERS[kind]()
    ids, strings = data.draw(ids_and_strings(tokenizer))
    stops = Stops.of(tokenizer, strings, end_of_text=False)
    reader = stops.reader()
    for end in range(1, len(ids) + 1):
        text = decode(tokenizer, ids[:end])
        found = any(text.find(string) >= 0 for string in strings)
        assert reader.add(ids[end - 1]) == found
        if found:
            assert stops.cut(text) == text[: min(text.find(s) for s in strings if s in text)]
            return
        assert stops.cut(text) == text


def test_a_stop_may_begin_and_end_inside_tokens():
    tokenizer = byte_level()
    for string in ("Q:", "\nQ", "2🙂", "é"):
        for text in ("1\n\nQ: a", "12🙂", "café au lait", "no"):
            ids = tokenizer.encode(text)
            reader = Stops.of(tokenizer, string).reader()
            found = [reader.add(token) for token in ids]
            assert any(found) == (string in text)


def test_the_end_of_text_stops_unless_it_may_not():
    tokenizer = byte_level()
    end = tokenizer.eos_token_id
    assert Stops.of(tokenizer, ids=[5]).ids == {5, end}
    assert Stops.of(tokenizer, ids=[5], end_of_text=False).ids == {5}
    assert Stops.of(tokenizer, ["x"]).reader().add(end)


def test_writing_ends_at_a_string():
    model = word_model()
    rows = [[5, 6, 7], [8], [9, 10]]
    free = generate(model, rows, limit=12)
    words = " ".join(f"w{token}" for token in free[1].ids[3:5])
    stops = Stops.of(model.tokenizer, [words[1:]])
    for each, long in zip(generate(model, rows, limit=12, stops=stops), free, strict=True):
        text = model.tokenizer.decode(each.ids)
        assert each.ids == long.ids[: len(each.ids)]
        assert (each.ended == "stop") == (words[1:] in text)
        assert words[1:] not in model.tokenizer.decode(each.ids[:-1])
    assert generate(model, rows, limit=12, stops=stops)[1].ids == free[1].ids[:5]
