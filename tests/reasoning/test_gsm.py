"""GSM8K and GSM-Symbolic from files and from the hub."""

import json
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tapeout.errors import TaskError
from tapeout.reasoning import build, gsm8k, gsm_symbolic

ANSWER = "There are 3*{n}=<<3*{n}={m}>>{m} pens\nThat is $<<{m}+1={k}>>{k} in all.\n#### {k}"


def row(n: int, **more: Any) -> dict[str, Any]:
    answer = ANSWER.format(n=n, m=3 * n, k=f"{3 * n + 1:,}")
    return {"question": f"How many  pens\nare {n} packs?", "answer": answer, **more}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(r)}\n" for r in rows), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "train.jsonl", [row(n) for n in (*range(50), 7)])
    write(tmp_path / "test.jsonl", [row(n) for n in range(1000, 1020)])
    return tmp_path


def test_gsm8k(folder: Path) -> None:
    task = gsm8k(folder, seed=1)
    assert [len(split) for split in task.splits] == [46, 4, 20], "a question comes once"
    problem = next(p for p in task.test if p.instance_id == 3)
    assert problem.question == "How many pens are 1003 packs?"
    assert problem.answer == 3010 and problem.steps == 2
    assert problem.solution == (
        "There are 3*1003=3009 pens. That is $3,010 in all. The final answer is 3010."
    )
    assert problem.template_id == "gsm8k-test"
    again = build(**task.config)
    assert [list(s) for s in again.splits] == [list(s) for s in task.splits]
    assert list(gsm8k(folder, seed=2).test) != list(task.test)


def test_gsm8k_in_part(folder: Path) -> None:
    task = gsm8k(folder, n={"train": 5, "test": 3})
    assert [len(split) for split in task.splits] == [5, 4, 3]
    with pytest.raises(TaskError, match="gsm8k/test has 20 problems, but 21"):
        gsm8k(folder, n={"test": 21})
    with pytest.raises(TaskError, match="unknown split 'tests'"):
        gsm8k(folder, n={"tests": 2})


def test_gsm8k_that_changed(folder: Path) -> None:
    task = gsm8k(folder)
    write(folder / "test.jsonl", [row(5000)])
    with pytest.raises(TaskError, match="has changed: its SHA-256"):
        build(**task.config)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "test.jsonl:2: no JSON"),
        ("[]", "test.jsonl:2: a row must be an object"),
        ('{"question": "a", "answer": "b"}', "test.jsonl:2: the answer must end in '#### N'"),
        ('{"question": "a", "answer": "b #### c"}', "test.jsonl:2: the answer must end"),
        ('{"question": "", "answer": "#### 3"}', "test.jsonl:2: the key 'question' is missing"),
    ],
)
def test_damaged_rows(folder: Path, line: str, message: str) -> None:
    path = folder / "test.jsonl"
    path.write_text(f"{json.dumps(row(9))}\n{line}\n", encoding="utf-8")
    with pytest.raises(TaskError, match=message):
        gsm8k(folder)


def symbolic(templates: int = 3, n: int = 50) -> list[dict[str, Any]]:
    return [
        row(100 * template + i, original_id=template, instance=i, id=7)
        for template in range(templates)
        for i in range(n)
    ]


@pytest.mark.parametrize("as_folder", [True, False])
def test_gsm_symbolic(tmp_path: Path, as_folder: bool) -> None:
    path = write(tmp_path / "own" / "main.jsonl", symbolic())
    task = gsm_symbolic(path.parent if as_folder else path, seed=1)
    for split, count in ((task.train, 26), (task.validation, 4), (task.test, 20)):
        assert Counter(p.template_id for p in split) == dict.fromkeys("012", count)
    assert len(task.shots) == 8
    problem = task.test[0]
    number = 100 * int(problem.template_id) + problem.instance_id
    assert problem.answer == Fraction(3 * number + 1)
    again = build(**task.config)
    assert [list(s) for s in again.splits] == [list(s) for s in task.splits]
    assert set(gsm_symbolic(path, seed=2).train) != set(task.train)
    held = gsm_symbolic(path, held_out=["1"])
    assert held.train.template_ids == ["0", "2"] and len(held.test) == 60


def test_gsm_symbolic_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load_dataset(*args: Any, **options: Any) -> list[dict[str, Any]]:
        asked.append((args, options))
        return symbolic(2)

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    task = gsm_symbolic("some/data", variant="p1")
    assert asked == [(("some/data",), {"name": "p1", "split": "test"})]
    assert len(task.train) == 52
    assert [list(s) for s in build(**task.config).splits] == [list(s) for s in task.splits]


def test_without_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(TaskError, match="pip install datasets"):
        gsm_symbolic("some/data")
    with pytest.raises(TaskError, match="no file, no folder, and no id"):
        gsm_symbolic(tmp_path / "none.jsonl")
    with pytest.raises(TaskError, match=r"holds no \.jsonl"):
        gsm_symbolic(tmp_path)


def test_two_variants_at_once(tmp_path: Path) -> None:
    write(tmp_path / "main.jsonl", symbolic(1))
    write(tmp_path / "p1.jsonl", symbolic(1))
    with pytest.raises(TaskError, match="template 0 has instance 0 twice; give one variant"):
        gsm_symbolic(tmp_path)


def test_a_template_with_too_few_instances(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="template '0' has 2 instances"):
        gsm_symbolic(write(tmp_path / "main.jsonl", symbolic(1, 2)))
