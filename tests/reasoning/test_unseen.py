import random
from dataclasses import replace

import pytest

from tapeout.errors import TaskError
from tapeout.reasoning import built_in, is_unseen, word_problems
from tapeout.reasoning._instances import instances
from tapeout.reasoning._unseen import draw_known

TEMPLATES = [built_in()[0], built_in()[-1]]


def test_the_numbers_decide_and_not_the_words():
    problem = instances(TEMPLATES[0], 1, seed=0)[0]
    others = instances(TEMPLATES[0], 40, seed=1)
    assert {is_unseen(other) for other in others} == {False, True}
    renamed = replace(problem, question=problem.question.replace("has", "owns"), instance_id=7)
    assert is_unseen(renamed) == is_unseen(problem)
    moved = [is_unseen(replace(problem, template_id=str(place))) for place in range(40)]
    assert set(moved) == {False, True}


def test_about_a_fifth_is_held_out():
    found = [is_unseen(problem) for problem in instances(TEMPLATES[0], 150, seed=2)]
    assert 0.1 < sum(found) / len(found) < 0.3


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda own: own.template_id)
def test_what_is_drawn_for_training_is_not_held_out(template):
    rng = random.Random(0)
    drawn = [draw_known(template, rng) for _ in range(50)]
    assert not any(map(is_unseen, drawn))
    assert len({problem.question for problem in drawn}) > 40


def test_a_task_of_unseen_problems():
    names = [template.template_id for template in TEMPLATES]
    task = word_problems(n={"train": 9, "validation": 2, "test": 5}, templates=names, unseen=True)
    assert [len(split) for split in task.splits] == [18, 4, 10]
    assert not any(map(is_unseen, task.train))
    assert all(map(is_unseen, [*task.validation, *task.test]))
    assert task.config["unseen"] is True
    assert word_problems(n=3, templates=names).config["unseen"] is False
    other = word_problems(n=16, templates=names, unseen=True, seed=1)
    assert not {p.question for p in other.train} & {p.question for p in task.test}


def test_too_few_that_are_held_out():
    with pytest.raises(TaskError, match="validation and test ask for 60"):
        word_problems(
            n={"train": 1, "validation": 30, "test": 30},
            templates=[TEMPLATES[0].template_id],
            unseen=True,
        )
