from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tapeout.bases import OPERATIONS, character_tokenizer
from tapeout.tasks import build

TOKENIZER = character_tokenizer()


def test_a_token_for_each_character_behind_bos():
    ids = TOKENIZER("48+27=75\n").input_ids
    assert len(ids) == 10 and len(TOKENIZER) == 24
    assert ids[0] == TOKENIZER.bos_token_id
    assert TOKENIZER.decode(ids[1:]) == "48+27=75\n"
    assert len({TOKENIZER.bos_token_id, TOKENIZER.pad_token_id, TOKENIZER.unk_token_id}) == 3
    assert TOKENIZER("4x").input_ids[2] == TOKENIZER.unk_token_id


def test_it_can_be_saved_and_opened(tmp_path: Path):
    TOKENIZER.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(again, PreTrainedTokenizerFast)
    texts = ["r0427=", "27?48=<\n", "m1,2=2\n", "7-8=-1\n"]
    assert again(texts).input_ids == TOKENIZER(texts).input_ids
    assert (again.pad_token_id, again.bos_token_id) == (0, 1)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda own: own.name)
def test_the_tasks_start_with_bos_alone(operation):
    task = build(operation.name, TOKENIZER, n=20)
    assert task.config["start"] == ""
    assert task.first_tokens == [TOKENIZER.bos_token_id]
    for example, encoded in zip(task.test, task.test.encoded, strict=True):
        assert TOKENIZER.unk_token_id not in encoded.prompt + encoded.answers[0]
        assert len(encoded.answers[0]) == len(example.answers[0])
