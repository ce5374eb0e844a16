from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.sparse import END
from tapeout.tasks import EXACT, FOIL, SPLITS, Counts, Task, build
from tapeout.tasks.python import PYTHON_TASKS, PythonTask
from tapeout.tasks.python._template import Template

from ...code_tokenizer import bytes_only, code_tokenizer, gpt_like
from ..checks import check, few
from ..toy_tokenizers import SINGLE_DIGITS, toy

NAMES = sorted(PYTHON_TASKS)


def single_tokens(task: Task) -> None:
    for split in task.splits:
        for item in split.encoded:
            assert len(item.answers) == len(item.foils) == 1
            assert len(item.answers[0]) == len(item.foils[0]) == 1
            assert item.counterfactual_answer == item.foils[0] != item.answers[0]
            assert len(item.counterfactual) == len(item.prompt)


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_built_of_balanced_pairs(name: str):
    task = build(name, code_tokenizer(), n=16, seed=1)
    check(task, Counts.of(16))
    single_tokens(task)
    assert task.name == name == task.config["name"]
    examples = task.test.examples
    sides = Counter(example.strata["side"] for example in examples)
    assert sides == {"first": 8, "second": 8}
    shares = Counter(example.strata["template"] for example in examples).values()
    assert max(shares) - min(shares) <= 2
    for one, other in zip(examples[::2], examples[1::2], strict=True):
        assert (one.prompt, one.answers) == (other.counterfactual, other.foils)
        assert (other.prompt, other.answers) == (one.counterfactual, one.foils)
        assert one.content == other.content


@few
@given(st.sampled_from(NAMES), st.integers(0, 10**6), st.integers(2, 9))
def test_holds_whatever_the_seed(name: str, seed: int, n: int):
    task = build(name, gpt_like() if seed % 2 else code_tokenizer(), n=n, seed=seed)
    check(task, Counts.of(n))
    single_tokens(task)


def test_names_belong_to_their_split_for_good():
    names: dict[str, set[str]] = {split: set() for split in SPLITS}
    for seed in range(4):
        task = build("set_or_string", code_tokenizer(), n=20, seed=seed)
        for split, found in zip(SPLITS, task.splits, strict=True):
            names[split] |= {key for example in found.examples for key in example.content}
    for split in SPLITS:
        assert not names[split] & set().union(*(names[other] for other in SPLITS if other != split))


def test_the_other_quote_stands_before():
    for example in build("single_double_quote", code_tokenizer(), n=40).test:
        quote, other = ("'", '"') if "'" in example.answers[0] else ('"', "'")
        assert example.prompt.count(quote) % 2 == 1 and example.prompt.count(other) >= 2
        assert example.prompt.count(other) % 2 == 0


def test_prompts_start_as_documents_do():
    assert all(e.prompt.startswith(END) for e in build("for_while", code_tokenizer(), n=4).test)
    assert all(e.prompt.startswith("\n") for e in build("for_while", gpt_like(), n=4).test)


def test_the_answers_of_the_paper():
    expected = {
        "single_double_quote": {'")\n', "')\n"},
        "final_kwarg": {"=None", "):\n"},
        "set_or_string": {".add", " +="},
        "bracket_counting": {"]]\n", "]\n"},
        "with_open": {"r", "w"},
        "for_while": {" in", ":\n"},
        "fstring_brace": {" {", '")\n'},
        "enumerate_range": {" enumerate", " range"},
        "if_equals": {" ==", " ="},
        "while_return_true": {" " * 11, " " * 3},
    }
    for name, answers in expected.items():
        task = build(name, code_tokenizer(), n=8)
        assert {text for example in task.test for text in example.answers} == answers


def test_what_counts_is_the_choice_between_two():
    task = build("final_kwarg", code_tokenizer(), n=4)
    assert {split.criterion for split in task.splits} == {FOIL}
    assert task.counted_by("exact").test.criterion is EXACT
    assert next(iter(task.metrics)) == "logit_difference"


def test_an_odd_number():
    task = build("var_swap", code_tokenizer(), n=Counts(train=1, validation=3, test=5, reference=1))
    assert [len(split) for split in task.splits] == [1, 3, 5, 1]


def test_a_tokenizer_that_cuts_the_answers():
    with pytest.raises(TaskError, match=r"enumerate_range cannot be asked of this .*'e', 'n', 'u'"):
        build("enumerate_range", bytes_only(), n=4)


def test_a_tokenizer_that_knows_no_code():
    with pytest.raises(TaskError, match="cannot be asked of this tokenizer"):
        build("for_while", toy(SINGLE_DIGITS), n=4)


def test_more_than_the_names_make():
    text = "class $class1:\n    <for|while> x<< in|:>>< y:|>\n        pass\n"
    task = PythonTask(name="few", about="", templates=(Template(text),))
    with pytest.raises(TaskError, match=r"few/validation can have (16|18) .*, not 40: ask for few"):
        task(code_tokenizer(), n=Counts(train=2, validation=40, test=2, reference=2))


@pytest.mark.smollm2
@pytest.mark.parametrize("name", ["lambda_func", "with_as", "single_double_quote"])
def test_smollm2(name: str, smollm2: Any):
    check(build(name, smollm2, n=20), Counts.of(20))
