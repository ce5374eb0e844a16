from typing import Any

import pytest
from tokenizers import normalizers

from tapeout.errors import TaskError
from tapeout.tasks import Example
from tapeout.tasks._example import encode

from .toy_tokenizers import SINGLE_DIGITS, toy

TOY = toy(SINGLE_DIGITS)
BOS = toy(SINGLE_DIGITS, bos="[BOS]", adds_bos=True)


def ids(text: str) -> list[int]:
    return TOY(text).input_ids


def test_all_parts_are_tokens_in_their_place():
    encoded = encode(
        TOY,
        Example(
            prompt="4+8=",
            answers=("12\n",),
            foils=("13\n", "1"),
            counterfactual="9+8=",
            counterfactual_answer="17\n",
        ),
    )
    assert encoded.prompt == ids("4+8=")
    assert encoded.answers == [ids("12\n")]
    assert encoded.foils == [ids("13\n"), ids("1")]
    assert encoded.counterfactual == ids("9+8=")
    assert encoded.counterfactual_answer == ids("17\n")


def test_without_foils_and_counterfactual():
    encoded = encode(TOY, Example(prompt="So", answers=(" he",)))
    assert (encoded.foils, encoded.counterfactual, encoded.counterfactual_answer) == ([], [], [])


def test_a_bos_token_that_the_tokenizer_adds_is_part_of_the_prompt_only():
    encoded = encode(BOS, Example(prompt="4+8=", answers=("12\n",)))
    assert encoded.prompt == [2, *ids("4+8=")]
    assert encoded.answers == [ids("12\n")]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"answers": ("",)}, "an answer or foil to '4=' is empty"),
        ({"answers": ("1",), "foils": ("",)}, "an answer or foil to '4=' is empty"),
        ({"answers": ("1", "23")}, "has 2 right answers, and some have several tokens"),
        ({"answers": ("1",), "counterfactual": "41="}, "'4=' has 2 and '41=' has 3"),
        (
            {"answers": ("12",), "counterfactual": "5="},
            "answer to '4=' has 2 tokens, so its counterfactual needs",
        ),
        (
            {"answers": ("12",), "counterfactual": "5=", "counterfactual_answer": "9"},
            "'9' has 1 and '12' has 2",
        ),
        ({"prompt": "4= ", "answers": ("12",)}, "'12' does not start at a token boundary .* white"),
        ({"prompt": "So he", "answers": ("r",)}, "'r' does not start at a token boundary"),
    ],
)
def test_errors(parts: dict[str, Any], message: str):
    with pytest.raises(TaskError, match=message):
        encode(TOY, Example(**{"prompt": "4="} | parts))


def test_an_answer_that_the_tokenizer_strips_off():
    strips = toy(SINGLE_DIGITS)
    strips.backend_tokenizer.normalizer = normalizers.Strip()
    with pytest.raises(TaskError, match=r"'\\n' does not start at a token boundary"):
        encode(strips, Example(prompt="4=", answers=("\n",)))
