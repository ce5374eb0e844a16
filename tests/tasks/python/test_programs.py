import ast
import builtins
import re
from importlib import reload
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.looks import tasks
from tapeout.tasks import SPLITS, TASKS
from tapeout.tasks.python import PYTHON_TASKS, _programs, programs, usability
from tapeout.tasks.python._words import WORDS_OF

from ...code_tokenizer import bytes_only, code_tokenizer, gpt_like


def words_in(texts: list[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"[A-Za-z]+", text.replace("_", " "))}


def test_twenty_tasks_are_registered():
    assert len(PYTHON_TASKS) == 20
    for name, task in PYTHON_TASKS.items():
        assert TASKS[name].builder is task and name == task.name


@given(st.integers(0, 10**6), st.sampled_from(SPLITS))
def test_programs_have_the_names_of_their_split_only(seed: int, split: str):
    made = programs(60, split=split, seed=seed)
    assert len(made) == 60 and made == programs(60, split=split, seed=seed)
    found = words_in(made)
    for other in set(SPLITS) - {split}:
        for kind, words in WORDS_OF[other].items():
            assert kind == "num" or not found & set(words)
    for text in made:
        ast.parse(text)


def test_programs_are_the_same_in_a_notebook_which_has_built_in_names_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
):
    names = ["shelf", "display", "print", "input", "rope"]
    plain = programs(60, names=names)
    assert "display" in words_in(plain)
    monkeypatch.setattr(builtins, "display", words_in, raising=False)
    monkeypatch.delattr(builtins, "input")
    assert reload(_programs).programs(60, names=names) == plain


def test_no_built_in_name_is_missing():
    own = {name for name in dir(builtins) if re.fullmatch("[a-z]+", name)}
    assert own <= set(_programs.BUILT_IN.split())


def test_more_names_make_no_program_wrong_and_no_name_shared():
    meant, listed = ["while", "print"], [*WORDS_OF["test"]["word"], *WORDS_OF["train"]["var"]]
    made = programs(3000, names=["zebra", "quartz", *meant, *listed])
    found = words_in(made)
    assert {"zebra", "quartz"} <= found and not found & set(WORDS_OF["test"]["word"])
    for text in made:
        ast.parse(text)


def test_tasks_and_sides_come_equally_often():
    made = programs(40, tasks=["for_while", "var_swap"])
    assert sum(", " in text and "while" not in text for text in made) == 20
    loops = programs(30, tasks=["for_while"])
    last = [re.findall(r"(for|while) \w+(?: in|:)", text)[-1] for text in loops]
    assert last.count("for") == last.count("while") == 15


def test_the_tokenizers_programs_have_the_names_of_all_splits():
    found = words_in(programs(2000, split=None))
    for split in SPLITS:
        assert set(WORDS_OF[split]["var"]) <= found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "tset"}, "unknown split 'tset': did you mean 'test'"),
        ({"tasks": ["for_whil"]}, "there is no Python task 'for_whil': did you mean 'for_while'"),
        ({"tasks": []}, "no task is named; there are single_double_quote"),
    ],
)
def test_errors(options: dict[str, Any], message: str):
    with pytest.raises(TaskError, match=message):
        programs(4, **options)


@pytest.mark.parametrize("make", [code_tokenizer, gpt_like])
def test_all_twenty_are_usable_where_code_was_learned(make: Any):
    for fit in usability(make()):
        assert fit.usable, fit
        assert len(fit.answers) == 2 and fit.answers[0] != fit.answers[1]
        assert bool(fit.why) == (fit.usable < fit.templates)


def test_why_a_task_is_not_usable():
    names = ["bracket_counting", "with_open", "else_elif"]
    brackets, modes, branches = usability(bytes_only(), names)
    assert [fit.task for fit in (brackets, modes, branches)] == names
    assert (brackets.usable, brackets.templates, brackets.answers) == (0, 4, ())
    assert brackets.why == "the answer ']]' has several tokens: [']', ']']"
    assert modes.usable == 6 and "line up: ['i', 'n'] against ['o', 'u', 't']" in modes.why
    assert branches.why == "the answer ' not' has several tokens: [' ', 'n', 'o', 't']"
    with pytest.raises(TaskError, match="no Python task 'else': did you mean"):
        usability(bytes_only(), ["else"])


def test_the_command_lists_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code_tokenizer().save_pretrained(tmp_path)
    tasks(usable=str(tmp_path))
    shown = capsys.readouterr().out
    assert "with_open" in shown and " of 8" in shown and "'r' 'w'" in shown


@pytest.mark.smollm2
def test_smollm2_can_be_asked_all(smollm2: Any):
    assert all(fit.usable for fit in usability(smollm2))
