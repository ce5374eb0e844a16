import pytest
import torch

from tapeout.bases import OPERATIONS, AdderConfig, adder, character_tokenizer, held_out_counts
from tapeout.bases._questions import IGNORED, questions
from tapeout.errors import ModelError
from tapeout.tasks import build

from ..words import word_model

TOKENIZER = character_tokenizer()
SIDES = {held_out: questions(held_out=held_out) for held_out in (False, True)}


def texts(held_out):
    ids = SIDES[held_out].ids
    return TOKENIZER.batch_decode(ids[:, 1:], skip_special_tokens=True)


def test_the_sides_share_nothing_and_are_everything():
    known, new = set(texts(False)), set(texts(True))
    assert not known & new
    assert len(known) + len(new) == 4 * 100**2 + 2 * 11110
    assert 0.19 < len(new) / (len(known) + len(new)) < 0.21


def test_what_is_asked_of_a_base_is_what_its_tasks_ask():
    for held_out, own in ((False, "train"), (True, "test")):
        known = {text.partition("=")[0] for text in texts(held_out)}
        for operation in OPERATIONS:
            split = getattr(build(operation.name, TOKENIZER, n=50, held_out=True), own)
            assert {example.prompt.rstrip("=") for example in split} <= known


def test_the_loss_is_that_of_the_answer_and_its_end():
    side = SIDES[True]
    for row in range(0, len(side.ids), 997):
        asked, label = side.ids[row], side.labels[row]
        own = label[label != IGNORED]
        prompt, _, rest = TOKENIZER.decode(asked[1:]).partition("=")
        answer = TOKENIZER.decode(own)
        assert answer.endswith("\n") and rest.startswith(answer[:-1])
        first = int((label != IGNORED).nonzero()[0])
        assert TOKENIZER.decode(asked[1 : first + 1]) == prompt + "="


@pytest.mark.parametrize("held_out", [False, True])
def test_operations_and_their_kinds_weigh_alike(held_out):
    side = SIDES[held_out]
    for number in range(len(OPERATIONS)):
        assert float(side.weights[side.operation == number].sum()) == pytest.approx(1)
    names = [operation.name for operation in OPERATIONS]
    comparison = side.operation == names.index("comparison")
    answers = side.labels[comparison].amax(dim=1)
    for sign in "<=>":
        rows = answers == TOKENIZER.convert_tokens_to_ids(sign)
        assert float(side.weights[comparison][rows].sum()) == pytest.approx(1 / 3)


def test_counts_are_those_of_the_model():
    model = adder(AdderConfig(steps=1, layers=1, d_model=8, heads=2, d_mlp=8, batch_size=4))
    counts = held_out_counts(model, n=200)
    assert list(counts) == [operation.name for operation in OPERATIONS]
    assert all(count.n == 200 for count in counts.values())
    assert counts == held_out_counts(model, n=200, batch_size=64)
    head = model.hf.get_output_embeddings()
    with torch.no_grad():  # it then writes padding, always
        head.weight.zero_()
    assert sum(count.right for count in held_out_counts(model, n=200).values()) == 0


def test_another_tokenizer():
    with pytest.raises(ModelError, match="words does not have the adder's tokenizer"):
        held_out_counts(word_model())
