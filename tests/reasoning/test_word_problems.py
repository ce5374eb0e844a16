"""Word problems: per-template splits that share nothing, and shots that no split knows."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.reasoning import ReasoningTask, build, built_in, word_problems

IDS = [template.template_id for template in built_in()]


def numbers(text: str) -> str:
    return " ".join(re.findall(r"\d+(?:\.\d+)?", text))


def test_the_papers_division() -> None:
    task = word_problems(templates=IDS[:3], shots=0)
    for split, count in ((task.train, 26), (task.validation, 4), (task.test, 20)):
        assert Counter(problem.template_id for problem in split) == dict.fromkeys(IDS[:3], count)


@given(
    st.integers(0, 99),
    st.sets(st.sampled_from(IDS), min_size=1, max_size=3),
    st.integers(3, 20),
    st.integers(0, 9),
)
def test_no_problem_is_in_two_splits(seed: int, ids: set[str], n: int, shots: int) -> None:
    task = word_problems(n=n, seed=seed, templates=sorted(ids), shots=shots)
    seen = [(p.template_id, numbers(p.question)) for split in task.splits for p in split]
    assert len(set(seen)) == len(seen) == n * len(ids)
    assert len({p.question for p in task.shots}) == len(task.shots) == shots
    assert not {p.template_id for p in task.shots} & ids


def test_counts_can_be_given() -> None:
    task = word_problems(n={"test": 2, "train": 5, "validation": 1}, templates=IDS[:2])
    assert [len(split) for split in task.splits] == [10, 2, 4]
    assert [p.template_id for p in task.train][:3] == [*IDS[:2], IDS[0]], "templates take turns"


def test_seeds() -> None:
    first, again, other = (word_problems(n=6, seed=s, templates=IDS[:4]) for s in (1, 1, 2))
    assert list(first.test) == list(again.test) and list(first.test) != list(other.test)
    assert first.prefix_text == other.prefix_text, "a seed does not change what comes before"


def test_steps() -> None:
    task = word_problems(n=3, steps=(1, 2))
    assert {p.steps for split in task.splits for p in split} == {1, 2}
    assert [p.steps for p in task.shots] == [1, 1, 2, 2]


def test_the_config_makes_the_same_task_again() -> None:
    task = word_problems(n=5, seed=3, steps=(2, 3), shots=2, held_out=0.2)
    again = build(**task.config)
    assert [list(s) for s in task.splits] == [list(s) for s in again.splits]
    assert again.shots == task.shots and again.config == task.config


def held_out_only_in_test(task: ReasoningTask, out: set[str]) -> bool:
    seen = set(task.train.template_ids) | set(task.validation.template_ids)
    return not seen & out and out <= set(task.test.template_ids)


def test_whole_templates_can_be_held_out() -> None:
    assert held_out_only_in_test(word_problems(n=3, held_out=IDS[:2]), set(IDS[:2]))
    task = word_problems(n=3, held_out=0.25)
    out = set(task.config["held_out"])
    assert held_out_only_in_test(task, out)
    by_steps = Counter(t.steps for t in built_in() if t.template_id in out)
    assert len(by_steps) == 4 and set(by_steps.values()) <= {3, 4}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 2}, "at least 3 instances"),
        ({"n": {"train": 3, "test": 2}}, "validation has none"),
        ({"n": {"train": 3, "tests": 2}}, "unknown split 'tests'.*'test'"),
        ({"templates": ["bags-of-fruits"]}, "no template 'bags-of-fruits'.*'bags-of-fruit'"),
        ({"steps": (7,)}, "no template has 7 steps: there are 1 or 2 or 3 or 4"),
        ({"shots": -1}, "0 to 40 worked examples"),
        ({"shots": 99}, "0 to 40 worked examples"),
        ({"held_out": 1.0}, "held_out must be a share below 1"),
        ({"held_out": ["nothing"]}, "held_out: there is no template 'nothing'"),
        ({"held_out": IDS}, "leaves no template for training"),
        ({"templates": "nowhere.yaml"}, "cannot read"),
    ],
)
def test_what_cannot_be_is_said(options: dict, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        word_problems(**options)


def test_many_shots() -> None:
    assert len({p.question for p in word_problems(n=3, templates=IDS[:1], shots=40).shots}) == 40
