"""Templates files: what is written is what is drawn, and mistakes are named with the template."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from tapeout.errors import TaskError
from tapeout.reasoning import Problem, read_templates
from tapeout.reasoning._instances import instances

GOOD: dict[str, Any] = {
    "id": "pens",
    "steps": 1,
    "variables": {"p": "from people", "n": "2..9", "each": [3, 5], "total": "= n * each"},
    "where": "n != each",
    "question": "{p} has {n} packs of {each} pens. How many pens does {p.he} have?",
    "solution": ["{p.He} has {n} * {each} = {total} pens."],
    "answer": "total",
}


def written(tmp_path: Path, **changes: Any) -> Path:
    entry = {key: value for key, value in (GOOD | changes).items() if value is not None}
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"templates": [entry]}, sort_keys=False), encoding="utf-8")
    return path


def drawn(tmp_path: Path, n: int = 5, **changes: Any) -> list[Problem]:
    (template,) = read_templates(written(tmp_path, **changes))
    return instances(template, n, seed=0)


def test_instances_hold_what_the_template_says(tmp_path: Path) -> None:
    problems = drawn(tmp_path, n=14)
    for problem in problems:
        numbers = [int(word) for word in problem.question.split() if word.isdigit()]
        n, each = numbers
        assert 2 <= n <= 9 and each in (3, 5) and n != each
        assert problem.answer == n * each
        assert problem.solution.endswith(
            f"{n} * {each} = {n * each} pens. The final answer is {n * each}."
        )
        assert problem.solution.startswith(("He has", "She has"))
        assert problem.template_id == "pens" and problem.steps == 1
    assert [problem.instance_id for problem in problems] == list(range(14))
    assert len({problem.solution.split(" has ")[1] for problem in problems}) == 14


def test_the_first_instances_do_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    assert drawn(tmp_path, n=10)[:4] == drawn(tmp_path, n=4)


def test_lists_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    entry = GOOD | {"variables": GOOD["variables"] | {"p": "from cats"}}
    content = {"lists": {"cats": [{"name": "Tiger", "he": "it"}]}, "templates": [entry]}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    (template,) = read_templates(path)
    (problem,) = instances(template, 1, seed=0)
    assert problem.question.startswith("Tiger has") and "does it have" in problem.question
    assert problem.solution.startswith("It has")


def test_money_and_fractions(tmp_path: Path) -> None:
    problems = drawn(
        tmp_path,
        whole=False,
        variables={"n": "3..5", "price": "0.25..1.5 step 0.25", "cost": "= n * price"},
        where=[],
        question="{n} pens cost {price:money} each. How much is that?",
        solution=["That is {n} * {price} = {cost:money}."],
        answer="cost",
    )
    for problem in problems:
        assert 4 * problem.answer == int(4 * problem.answer)
        assert problem.answer == Fraction(problem.solution.split()[-1].removesuffix("."))
    assert any("$" in p.question and "." in p.question.split("$")[1][:3] for p in problems)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question": "How many {pans}?"}, "'pens': unknown variable 'pans'.*total"),
        ({"variables": {"n": "2..9", "each": "= n * m", "total": "2..3"}}, "'pens'.*'m'"),
        ({"where": "m > 2"}, "template 'pens': unknown variable 'm'"),
        ({"where": "n + each"}, None),
        ({"answer": "sum"}, "template 'pens': unknown variable 'sum'"),
        ({"answers": "n"}, "template 'pens': unknown key 'answers'.*'answer'"),
        ({"answer": None}, "template 'pens': answer is missing"),
        ({"steps": 2}, "template 'pens': the solution must be a list of as many"),
        ({"variables": {}}, "template 'pens': variables must map"),
        ({"variables": {True: "2..9"}}, "template 'pens': True cannot name a variable"),
        ({"variables": {"n": "two"}}, "template 'pens', variable 'n': 'two' is no variable"),
        ({"variables": {"n": "9..2"}}, "template 'pens', variable 'n': the range 9..2"),
        ({"variables": {"n": "from fruit"}}, "no list 'fruit': did you mean 'fruits'"),
        ({"variables": {"n": []}}, "template 'pens', variable 'n': a list needs"),
        ({"question": "How many {n?"}, "template 'pens': a brace without its partner"),
        ({"question": "How many {n:cash}?"}, "template 'pens': unknown format 'cash'"),
        ({"whole": "yes"}, "template 'pens': whole must be true or false"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, changes: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert read_templates(written(tmp_path, **changes))
        return
    with pytest.raises(TaskError, match=message):
        read_templates(written(tmp_path, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"where": ["n > 5", "n < 4"]}, "'pens': only 0 instances.*n > 5, n < 4"),
        ({"where": "n > 8"}, "'pens': only 2 instances.*but 5 are needed"),
        ({"solution": ["So {n} * {each} = {n + each} pens."]}, "'pens': its solution says"),
        ({"solution": ["It is {n * each} pens."]}, "'pens': a step of its solution needs one"),
        ({"answer": "n"}, "'pens': its answer is"),
        ({"question": "How many does {p.they} have?"}, "'pens'.*no form 'they'"),
        ({"question": "How many {n.one}?"}, "'pens'.*is a number and has no form 'one'"),
        (
            {"variables": {"p": "from people", "n": "3..9", "each": [4], "total": "= n / each"}},
            "template 'pens', variable 'total': .* is not exact",
        ),
        ({"answer": "0 - total"}, "'pens': only 0 instances"),
    ],
)
def test_drawing_names_what_goes_wrong(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        drawn(tmp_path, **changes)


def test_a_condition_guards_the_division_that_needs_it(tmp_path: Path) -> None:
    problems = drawn(
        tmp_path,
        variables={"all": "10..40", "n": "2..6", "each": "= all / n"},
        where="all % n == 0",
        question="{all} pens are shared by {n}. How many does each get?",
        solution=["Each gets {all} / {n} = {each}."],
        answer="each",
    )
    assert all(problem.answer.denominator == 1 for problem in problems)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="cannot read"):
        read_templates(tmp_path / "none.yaml")
    path = tmp_path / "bad.yaml"
    for text, message in [
        ("a: [", "is no YAML"),
        ("[1]", "must be a mapping"),
        ("templates: []", "at least one template"),
        ("template: []", "unknown key 'template'"),
        ("templates: [3]", "must be a mapping with an id"),
        ("lists: {a: []}\ntemplates: []", "list 'a': a list needs"),
        (yaml.safe_dump({"templates": [GOOD, GOOD]}), "two templates have the id 'pens'"),
    ]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(TaskError, match=message):
            read_templates(path)


def test_the_documented_file_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "word-problems.md").read_text(encoding="utf-8")
    path = tmp_path / "own.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    (template,) = read_templates(path)
    assert len(instances(template, 50, seed=0)) == 50
