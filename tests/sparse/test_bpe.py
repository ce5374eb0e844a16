from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from tapeout.errors import CorpusError
from tapeout.sparse import (
    END,
    encode_documents,
    open_tokenizer,
    tokenizer_mark,
    train_tokenizer,
)
from tapeout.sparse._bpe import LONGEST

from ..code_tokenizer import bytes_only, code_tokenizer, source_texts

TEXT = st.text(max_size=80) | st.text("ab_ \n\t\r'\"()[]{}:=.,#0159é漢\u2028", max_size=80)


def tokens(text: str) -> list[str]:
    tokenizer = code_tokenizer()
    return [tokenizer.decode([token]) for token in tokenizer(text).input_ids]


@given(TEXT, st.sampled_from([code_tokenizer, bytes_only]))
def test_gives_back_every_text(text: str, make: Any):
    tokenizer = make()
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    (ids,) = encode_documents(tokenizer, [text])
    assert tokenizer.decode(ids) == text


@given(TEXT, TEXT)
def test_tokens_do_not_depend_on_what_stands_lines_before(one: str, other: str):
    """A line that starts with a letter is tokenised alike after any line end."""
    alone = list(code_tokenizer()("x" + other).input_ids)
    after = list(code_tokenizer()(one + "\nx" + other).input_ids)
    assert after[-len(alone) :] == alone


def test_pieces_of_code():
    assert tokens('x = f("a b")\nx') == ["x", " =", " f", '("', "a", " b", '")\n', "x"]
    assert tokens("    self.add(1)\n")[:4] == ["   ", " self", ".add", "("]
    assert tokens("if a:\n        b += 1\n")[2:5] == [":\n", "       ", " b"]
    assert tokens("x  1") == ["x", " ", " ", "1"]
    assert tokens("12345x") == [*tokens("123"), *tokens("45"), "x"]


def test_no_token_is_longer_than_it_may_be():
    tokenizer = code_tokenizer()
    assert len(tokenizer) == tokenizer.vocab_size == 2048
    assert max(len(tokenizer.decode([token])) for token in range(2048)) <= LONGEST


def test_end_of_text():
    tokenizer = code_tokenizer()
    end = tokenizer.convert_tokens_to_ids(END)
    assert tokenizer(END).input_ids == [end]
    assert {tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token} == {END}
    assert end not in tokenizer("x = 1\n").input_ids
    (ids,) = encode_documents(tokenizer, [f'stop = "{END}"'])
    assert end not in ids
    assert tokenizer(END).input_ids == [end]  # the caller's tokenizer is as it was


def test_saved_and_loaded(tmp_path: Path):
    code_tokenizer().save_pretrained(tmp_path)
    text = source_texts()[0][:2000]
    expected = code_tokenizer()(text).input_ids
    for loaded in (open_tokenizer(tmp_path), AutoTokenizer.from_pretrained(tmp_path)):
        assert loaded(text).input_ids == expected
        assert loaded.decode(expected) == text
        assert loaded.bos_token == loaded.eos_token == loaded.pad_token == END
        assert tokenizer_mark(loaded) == tokenizer_mark(code_tokenizer())


def test_the_same_texts_make_the_same_tokenizer():
    one, other = (train_tokenizer(source_texts()[:1], vocabulary=600) for _ in range(2))
    assert tokenizer_mark(one) == tokenizer_mark(other) != tokenizer_mark(code_tokenizer())


def test_errors(tmp_path: Path):
    with pytest.raises(CorpusError, match=r"256 bytes and .*, so 257 tokens or more"):
        train_tokenizer(["x"], vocabulary=256)
    with pytest.raises(CorpusError, match="fill 258 of 2048 tokens: use more text"):
        train_tokenizer(["aa"])
    with pytest.raises(CorpusError, match="there is no tokenizer in"):
        open_tokenizer(tmp_path)
    code_tokenizer().save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text()[:1000])
    with pytest.raises(CorpusError, match="is damaged"):
        open_tokenizer(tmp_path)
