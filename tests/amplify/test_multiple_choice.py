"""Local multiple choice: what is asked, and that the likeliest choice is taken."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.amplify import MultipleChoice, Question
from tapeout.errors import AmplifyError

from ..tiny import Sizes
from ..words import word_model

QUESTION = Question(question="w9 w10", choices=("w3 w4", "w5", "w6 w7 w8"), answer=2)
SHOT = Question(question="w20", choices=("w21", "w22"), answer=1)


@pytest.fixture(scope="module")
def model():
    return word_model(sizes=Sizes(layers=2))


def ids_of(model, text):
    return list(model.tokenizer(text).input_ids)


def by_hand(model, prompt, texts, lengths):
    """Every choice alone, by an ordinary forward."""
    found = []
    for text, length in zip(texts, lengths, strict=True):
        before, whole = ids_of(model, prompt), ids_of(model, f"{prompt} {text}")
        with torch.no_grad():
            logp = model.hf(torch.tensor([whole])).logits[0].log_softmax(-1)
        places = range(len(before) - 1, len(whole) - 1)
        found.append(sum(float(logp[place, whole[place + 1]]) for place in places) / length)
    return found.index(max(found))


words = st.lists(st.integers(3, 60).map(lambda i: f"w{i}"), min_size=1, max_size=4).map(" ".join)
choices = st.lists(words, min_size=2, max_size=4)


@given(st.lists(choices, min_size=1, max_size=4), st.booleans())
def test_the_likeliest_choice_is_taken(model, offered, per_character):
    asked = [Question(question="w9 w10", choices=tuple(own), answer=0) for own in offered]
    task = MultipleChoice(
        name="q", questions=tuple(asked), shots=(SHOT,), per_character=per_character
    )
    before = "Question: w20\nAnswer: w22\n\n"
    expected = [
        by_hand(
            model,
            f"{before}Question: {q.question}\nAnswer:",
            q.choices,
            [len(c) if per_character else 1 for c in q.choices],
        )
        for q in asked
    ]
    assert task.choose(model) == expected
    assert task.right(model) == [place == 0 for place in expected]


def test_letters_list_the_choices(model):
    task = MultipleChoice(name="q", questions=(QUESTION,), shots=(SHOT,), letters=True)
    prompt = "w20\nA. w21\nB. w22\nAnswer: B\n\nw9 w10\nA. w3 w4\nB. w5\nC. w6 w7 w8\nAnswer:"
    assert task._prompt(SHOT) + task._text(SHOT, 1) + "\n\n" + task._prompt(QUESTION) == prompt
    assert [task._text(QUESTION, place) for place in range(3)] == [" A", " B", " C"]
    assert len(task.choose(model)) == 1


def test_a_file_is_read_as_it_says(tmp_path):
    path = tmp_path / "places.jsonl"
    rows = [
        {"question": "one", "choices": ["a", "b"], "answer": 1},
        {"question": "two", "choices": ["a", "b"], "answer": "a"},
        {"question": "three", "choices": ["a", "b"], "answer": 0},
    ]
    path.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    task = MultipleChoice.read(path, shots=1, take=1)
    assert task.name == "places"
    assert task.shots == (Question(question="one", choices=("a", "b"), answer=1),)
    assert task.questions == (Question(question="two", choices=("a", "b"), answer=0),)
    assert len(MultipleChoice.read(path).questions) == 3
    with pytest.raises(AmplifyError, match="leaves none to answer"):
        MultipleChoice.read(path, shots=3)


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        '{"question": "q", "choices": ["a"], "answer": 0}',
        '{"question": "q", "choices": ["a", "b"], "answer": 2}',
        '{"question": "q", "choices": ["a", "b"], "answer": true}',
        '{"question": "q", "choices": ["a", "b"], "answer": "c"}',
        '{"question": "q", "choices": ["a", ""], "answer": 0}',
        '{"question": "q", "answer": 0}',
    ],
)
def test_a_line_that_is_no_question_is_told(tmp_path, line):
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "q", "choices": ["a", "b"], "answer": 0}\n' + line)
    with pytest.raises(AmplifyError, match="line 2 is no question"):
        MultipleChoice.read(path)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(AmplifyError, match="cannot read the questions"):
        MultipleChoice.read(tmp_path / "none.jsonl")
