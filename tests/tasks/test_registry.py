from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tapeout
from tapeout.errors import TaskError
from tapeout.tasks import FOIL, TASKS, Counts, build
from tapeout.tasks.python import PYTHON_TASKS

from .toy_tokenizers import SINGLE_DIGITS, toy

TOY = toy(SINGLE_DIGITS)
BUILT = [name for name in TASKS if name != "text" and name not in PYTHON_TASKS]
"""A toy tokenizer knows neither prose nor code."""


def test_the_names():
    assert {"ioi", "greater-than", "pronouns", "addition", "text"} <= set(TASKS)
    for listed in TASKS.values():
        assert listed.about and "\n" not in listed.about and len(listed.about) <= 70


@pytest.mark.parametrize("name", BUILT)
def test_each_builds_under_its_name(name: str):
    task = build(name, TOY, n=6, seed=3)
    assert task.name == name == task.config["name"]
    assert [split.name for split in task.splits] == [
        f"{name}/{split}" for split in ("train", "validation", "test", "reference")
    ]
    assert list(task.train) == list(TASKS[name].builder(TOY, n=6, seed=3).train)
    assert list(task.train) != list(build(name, TOY, n=6, seed=4).train)


@pytest.mark.parametrize("name", BUILT)
def test_the_default_size_can_be_built(name: str):
    task = build(name, TOY)
    assert len(task.train) == len(task.test) == 2 * len(task.validation) >= 300


def test_public_functions_are_not_hidden_by_their_modules():
    for name in ("ioi", "greater_than", "pronouns", "addition", "jsonl"):
        assert callable(getattr(tapeout.tasks, name))


@pytest.mark.parametrize("n", [Counts(train=4, test=3, validation=2, reference=1), None])
def test_counts(n: Counts | None):
    mapping = None if n is None else dict(n.items())
    one, other = build("pronouns", TOY, n=n), build("pronouns", TOY, n=mapping)
    assert one.config == other.config
    assert len(one.test) == (3 if n else 300)


def test_options_reach_the_builder():
    task = build("addition", TOY, n=8, digits=3, shortest=3)
    assert (task.config["digits"], task.config["shortest"]) == (3, 3)
    with pytest.raises(TaskError, match="addition has no option 'digit': did you mean 'digits'"):
        build("addition", TOY, digit=3)
    with pytest.raises(TaskError, match="pronouns has no option 'shots': It has none"):
        build("pronouns", TOY, shots=3)


def test_what_counts_as_right_can_be_chosen():
    task = build("pronouns", TOY, n=8, criterion="above_foil")
    assert {split.criterion for split in task.splits} == {FOIL}
    again = build(tokenizer=TOY, **task.config)
    assert again.test.criterion is FOIL
    assert (again.test.chance, build("pronouns", TOY, n=8).test.chance) == (0.5, 0.0)
    two = replace(again.test[0], foils=(*again.test[0].foils, " they"))
    assert replace(again.test, examples=[again.test[1], two]).chance == 0.0
    with pytest.raises(TaskError, match="unknown criterion 'above_foils': did you mean"):
        build("pronouns", TOY, n=8, criterion="above_foils")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("iio", {}, "there is no task 'iio': did you mean 'ioi'"),
        ("mine.json", {}, "file of your own must end in .jsonl"),
        ("absent.jsonl", {}, "there is no file absent.jsonl"),
        ("mine.jsonl", {"n": 10}, "n is for built-in tasks"),
        ("mine.jsonl", {"share": {}}, "mine.jsonl has no option 'share': did you mean 'shares'"),
        ("ioi", {"n": {"tset": 3}}, "unknown split 'tset' in n: did you mean 'test'"),
        ("ioi", {"n": 1}, "at least 2 examples"),
        ("ioi", {"n": {"reference": 0}}, "reference needs at least one example, not 0"),
    ],
)
def test_errors(name: str, options: dict[str, Any], message: str):
    with pytest.raises(TaskError, match=message):
        build(name, TOY, **options)


def test_a_file(tmp_path: Path):
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(f'{{"prompt": "So {n}", "answer": " he"}}\n' for n in range(8)))
    task = build(path, TOY, seed=1)
    assert list(task.test) == list(build(str(path), TOY, seed=1).test)
    assert task.config["name"] == str(path)
