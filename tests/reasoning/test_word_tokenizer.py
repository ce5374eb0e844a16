from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from tapeout.bases import BOS
from tapeout.reasoning import built_in, word_problems, word_tokenizer
from tapeout.reasoning._instances import instances

TOKENIZER = word_tokenizer()
NO_SPECIAL = {"add_special_tokens": False}


def tokens(text: str) -> list[str]:
    return TOKENIZER.convert_ids_to_tokens(TOKENIZER(text, **NO_SPECIAL).input_ids)


@given(st.text() | st.text("QA:\n 0123456789.$*+-=/aZé"))
def test_every_text_comes_back(text: str):
    ids = TOKENIZER(text, **NO_SPECIAL).input_ids
    assert TOKENIZER.decode(ids, clean_up_tokenization_spaces=False) == text


@given(st.integers(0, 10**9), st.sampled_from(["{}", " {} apples", "${}.", "3 * {} = 6"]))
def test_a_digit_is_one_token_wherever_it_stands(number: int, text: str):
    digits = [token for token in tokens(text.format(number)) if any(map(str.isdigit, token))]
    assert "".join(digits) == "".join(filter(str.isdigit, text.format(number)))
    assert all(len(digit) == 1 for digit in digits)


def test_signs_and_cues_are_single_tokens():
    expected = ["Q:", "Ġ", "3", "Ġ*Ġ", "1", "2", "Ġ=Ġ", "3", "6", "Ċ", "A:"]
    assert tokens("Q: 3 * 12 = 36\nA:") == expected


def test_the_words_of_problems_are_whole():
    for template in built_in():
        for problem in instances(template, 3, seed="tokenizer"):
            for token in tokens(f"Q: {problem.question}\nA: {problem.solution}"):
                assert len(token) > 1 or not token.isalpha() or token in "ĠĊs", problem.question


def test_a_task_takes_it_as_it_is():
    task = word_problems(n=3, steps=[1, 2], shots=2)
    for problem in task.test:
        prompt, rest = task.prompt_ids(TOKENIZER, problem), task.solution_ids(TOKENIZER, problem)
        whole = TOKENIZER.decode([*prompt, *rest])
        assert whole == f"{task.prompt_text(problem)} {problem.solution}\n"
    assert task.prefix_ids(TOKENIZER)[0] == TOKENIZER.convert_tokens_to_ids(BOS)


def test_it_can_be_saved_and_opened(tmp_path: Path):
    TOKENIZER.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    for text in ("Q: Anna has 12 apples.\nA:", "  zebra’s 3.50 £\t\n", ""):
        assert again(text).input_ids == TOKENIZER(text).input_ids
        assert again.decode(again(text, **NO_SPECIAL).input_ids) == text
