"""The template language, and that every template is two valid programs."""

import ast
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.tasks.python import PYTHON_TASKS
from tapeout.tasks.python._template import Template
from tapeout.tasks.python._words import EVERY_WORD

ALL = [
    pytest.param(template, id=f"{name}-{place}")
    for name, task in PYTHON_TASKS.items()
    for place, template in enumerate(task.templates, start=1)
]


def test_sides_and_slots():
    template = Template("<a|b> $var1\n$var2 =<< $var1| 1>> and<|,> $var2")
    assert template.slots == {"var1": "var", "var2": "var"}
    first, second = template.fill({"var1": "x", "var2": "yy"})
    assert (first.before, first.asked, first.after) == ("a x\nyy =", " x", " and yy")
    assert (second.before, second.asked, second.after) == ("b x\nyy =", " 1", " and, yy")
    assert first.fixed == (2, 5) and second.fixed == (2, 6)
    assert second.text == "b x\nyy = 1 and, yy"


@pytest.mark.parametrize("text", ["a <b|c>", "<<a|b>> <<c|d>>", "<<a|b>> x < 3", "<<a|b>> <c>"])
def test_a_template_that_makes_no_sense(text: str):
    with pytest.raises(ValueError, match=r"asks about one place|a stray"):
        Template(text)


@given(st.integers(0, 10**6))
def test_no_word_comes_twice(seed: int):
    template = Template("$var1 $var2 $var3 $num1<<a|b>>")
    words = {"var": ("x", "y", "z"), "num": ("1",)}
    draw = template.draw(words, random.Random(seed))
    assert sorted(draw.names) == ["x", "y", "z"]
    assert draw.pair[0].text == f"{' '.join(draw.names)} 1a"
    assert draw == template.draw(words, random.Random(seed))


@pytest.mark.parametrize("template", ALL)
def test_both_programs_are_python_and_differ(template: Template):
    rng = random.Random(0)
    for _ in range(3):
        first, second = template.draw(EVERY_WORD, rng).pair
        ast.parse(first.text)
        ast.parse(second.text)
        assert first.before != second.before and first.asked != second.asked
        assert first.text.endswith("\n") and second.text.endswith("\n")


@pytest.mark.parametrize("template", ALL)
def test_the_programs_of_a_pair_share_most_of_their_text(template: Template):
    """What decides is short: the rest is the same on both sides, or the same in another order."""
    first, second = template.draw(EVERY_WORD, random.Random(1)).pair
    words = [set(re.findall(r"\w+", program.before)) for program in (first, second)]
    assert len(words[0] ^ words[1]) <= 6
