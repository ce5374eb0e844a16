"""Where a tokenizer lets a pair be asked about; these tokens are the pieces of a pattern."""

import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from tapeout.tasks.python import PYTHON_TASKS
from tapeout.tasks.python._question import Flaw, Question, ask
from tapeout.tasks.python._template import Pair, Template
from tapeout.tasks.python._words import EVERY_WORD

from ...code_tokenizer import code_tokenizer, gpt_like

SIGNS_TAKE_LINE_ENDS = r" ?\w+|[^\s\w]+\n*|\s"
SIGNS_STAND_ALONE = r" ?\w+|[^\s\w]|\s"


def pieces(pattern: str, pair: Pair, *, adds_bos: bool = False) -> Any:
    texts = [text for program in pair for text in (program.text, program.before)]
    found = {piece for text in texts for piece in re.findall(pattern, text)}
    vocabulary = {"[UNK]": 0, "[BOS]": 1}
    for piece in sorted(found):
        vocabulary.setdefault(piece, len(vocabulary))
    own = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    own.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    own.decoder = decoders.Fuse()
    if adds_bos:
        own.post_processor = processors.TemplateProcessing(
            single="[BOS] $A", special_tokens=[("[BOS]", 1)]
        )
    return PreTrainedTokenizerFast(tokenizer_object=own, unk_token="[UNK]", bos_token="[BOS]")


def only(tokenizer: Any, pair: Pair, start: str = "") -> Question | Flaw:
    (found,) = ask(tokenizer, [pair], start)
    return found


OPENED = Template('<with (|f = >open("$file1")<< as|\n>>< f):\n|>').fill({"file1": "notes"})


def test_the_question_is_put_where_the_tokens_part():
    glued = only(pieces(SIGNS_TAKE_LINE_ENDS, OPENED), OPENED)
    assert glued == Question(('with (open("notes', 'f = open("notes'), ('")', '")\n'))
    alone = only(pieces(SIGNS_STAND_ALONE, OPENED), OPENED)
    assert alone == Question(('with (open("notes")', 'f = open("notes")'), (" as", "\n"))


@pytest.mark.parametrize("adds_bos", [False, True])
def test_a_bos_token_stands_in_front_once(adds_bos: bool):
    tokenizer = pieces(SIGNS_STAND_ALONE, OPENED, adds_bos=adds_bos)
    start = "" if adds_bos else "[BOS]"
    found = only(tokenizer, OPENED, start)
    assert isinstance(found, Question)
    assert found.prompts[0] == start + 'with (open("notes")'
    assert tokenizer(found.prompts[0]).input_ids.count(1) == 1


def test_uneven_programs():
    pair = Template("<a b|a>x<<c|d>>").fill({})
    found = only(pieces(r"\w| ", pair), pair)
    assert found == Flaw("the pair does not line up: [' ', 'b'] against []")


def test_an_answer_of_several_tokens():
    pair = Template("<a|b> x<< cd| ce>>").fill({})
    assert only(pieces(r" ?\w+", pair), pair) == Question(("a x", "b x"), (" cd", " ce"))
    found = only(pieces(r" |\w", pair), pair)
    assert found == Flaw("the answer ' cd' has several tokens: [' ', 'c', 'd']")
    pair = Template("<a|b> x<<cd|e>>").fill({})
    found = only(pieces(r" |\w", pair), pair)
    assert found == Flaw("the answer 'cd' has several tokens: ['c', 'd']")


def test_an_answer_that_takes_in_a_name():
    pair = Template("<a|b> x<<:|(>><|$var1>").fill({"var1": "y"})
    found = only(pieces(r" |\(\w|.", pair), pair)
    assert found == Flaw("the answer '(' and a name are one token, '(y'")


def test_text_that_is_not_given_back():
    pair = Template("<a|b> x<<c|d>>").fill({})
    other = Template("<a|b> z<<c|d>>").fill({})
    found = only(pieces(r".", other), pair)
    assert isinstance(found, Flaw) and "does not give back the text 'a xc'" in found.why


def test_programs_that_are_asked_nothing():
    pair = Template("x<<c|c>>").fill({})
    found = only(pieces(r".", pair), pair)
    assert isinstance(found, Flaw) and "the same tokens for 'xc'" in found.why
    assert ask(code_tokenizer(), []) == []


def test_no_boundary_before_the_answer():
    """A space and an x are one token at the end of a text only."""
    pair = Template("<a|b> x<<c|d>>").fill({})
    found = only(pieces(r" x$|.", pair), pair)
    assert isinstance(found, Flaw) and "no token boundary before 'c' or 'd'" in found.why


@given(
    st.sampled_from(sorted(PYTHON_TASKS)),
    st.integers(0, 10**6),
    st.sampled_from([code_tokenizer, gpt_like]),
)
def test_what_holds_for_every_question(name: str, seed: int, make: Any):
    rng, tokenizer = random.Random(seed), make()
    pairs = [
        template.draw(EVERY_WORD, rng).pair
        for template in PYTHON_TASKS[name].templates
        for _ in range(4)
    ]
    for pair, found in zip(pairs, ask(tokenizer, pairs, "\n"), strict=True):
        if isinstance(found, Flaw):
            assert found.why
            continue
        encode = lambda text: list(tokenizer(text).input_ids)  # noqa: E731
        rows = [encode(prompt) for prompt in found.prompts]
        both = list(zip(found.prompts, found.answers, strict=True))
        answers = [
            encode(prompt + answer)[len(row) :]
            for (prompt, answer), row in zip(both, rows, strict=True)
        ]
        assert len(rows[0]) == len(rows[1])
        assert [len(ids) for ids in answers] == [1, 1] and answers[0] != answers[1]
        for program, row, (prompt, answer), own in zip(pair, rows, both, answers, strict=True):
            whole = encode("\n" + program.text)
            assert whole[: len(row) + 1] == row + own
            assert ("\n" + program.text).startswith(prompt + answer)
            for other, ids in zip(found.answers, answers, strict=True):
                assert encode(prompt + other) == row + ids
