"""Windows of text as a task."""

import random

import pytest

from tapeout.errors import TaskError
from tapeout.tasks import text
from tapeout.tasks.text import _code

from .toy_tokenizers import SINGLE_DIGITS, toy

TOY = toy(SINGLE_DIGITS)


@pytest.fixture
def poems(tmp_path):
    """Sixty documents of twenty words, each of its own."""
    path = tmp_path / "poems.txt"
    path.write_text("\n\n".join(" ".join([f"{row} and"] * 10) for row in range(60)))
    return str(path)


def test_windows_follow_each_other_and_give_all_but_their_first_token(poems):
    task = text(TOY, source=poems, length=8, n=6)
    for split in task.splits:
        for batch in split.batches(4):
            assert batch.tokens.ids.shape[1] == batch.answers.shape[1] == 7
            assert (batch.tokens.ids[:, 1:] == batch.answers[:, :-1]).all()
    assert task.test.take(2).encoded == task.test.encoded[:2]
    assert task.test.subset([3, 1], "two").encoded[1] == task.test.encoded[1]
    assert task.config["source"] == poems


def test_no_document_lies_in_two_splits(poems):
    task = text(TOY, source=poems, length=8, n=10)
    seen = [{tuple(item.answers[0]) for item in split.encoded} for split in task.splits]
    for place, windows in enumerate(seen):
        assert not windows & set().union(*seen[place + 1 :])


def test_too_little_text_is_told(poems, tmp_path):
    with pytest.raises(TaskError, match="Ask for fewer"):
        text(TOY, source=poems, length=8, n=4000)
    with pytest.raises(TaskError, match="cannot read"):
        text(TOY, source=str(tmp_path / "none.txt"))


def test_code_is_from_many_modules():
    pieces = list(_code(random.Random(0)))
    assert len(pieces) > 50 and all(len(piece.splitlines()) <= 100 for piece in pieces)
    assert pieces == list(_code(random.Random(0))) != list(_code(random.Random(1)))
    assert any("import" in piece for piece in pieces)
