"""The built-in templates: enough of them, with room for many instances, in good English."""

import re
from collections import Counter

import pytest

from tapeout.reasoning import Problem, Template, built_in
from tapeout.reasoning._instances import instances
from tapeout.reasoning._library import shot_templates

ALL = (*built_in(), *shot_templates())
ENOUGH = 200
"""Instances with different numbers: what a run with a thousand pairs of traces asks for."""


def test_there_are_about_twelve_of_each_number_of_steps() -> None:
    counts = Counter(template.steps for template in built_in())
    assert sorted(counts) == [1, 2, 3, 4] and min(counts.values()) >= 12


def test_ids_are_unique_and_shots_are_apart() -> None:
    ids = [template.template_id for template in ALL]
    assert len(set(ids)) == len(ids)
    assert {template.steps for template in shot_templates()} == {1, 2, 3, 4}


@pytest.mark.parametrize("template", built_in(), ids=lambda template: template.template_id)
def test_every_template_has_many_sound_instances(template: Template) -> None:
    for problem in instances(template, ENOUGH, seed=0):
        check(problem)


@pytest.mark.parametrize("template", shot_templates(), ids=lambda template: template.template_id)
def test_worked_examples_are_sound(template: Template) -> None:
    for problem in instances(template, 20, seed=0):
        check(problem)


def check(problem: Problem) -> None:
    """What a reader would stumble over."""
    for text in (problem.question, problem.solution):
        assert not re.search(r"[{}]|  | [.,?]", text), text
        assert not re.search(r"(?<![\d.$] )(?<![\d.$])\b1 (?!\*)[a-z]+", text), text
        assert not re.search(r"\ba [aeiou]|\ban [^aeiouh]", text), text
        assert all(part[0].isupper() or part[0].isdigit() for part in re.split(r"[.?] ", text))
        assert not re.search(r"[-= ]-\d|\b0 ", text), text
    assert problem.question.endswith("?")
    assert problem.solution.count("=") == problem.steps
    assert problem.answer > 0
    if problem.steps <= 2:
        assert max(map(float, re.findall(r"\d+(?:\.\d+)?", problem.solution))) <= 1200
