import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.errors import TaskError
from tapeout.tasks import SPLITS, build, jsonl
from tapeout.tasks._jsonl_rows import parse_rows
from tapeout.tasks.jsonl import FILL_ORDER, SHARES, _divided

from .toy_tokenizers import SINGLE_DIGITS, toy

TOY = toy(SINGLE_DIGITS)
NAMES = ["Mary", "James", "Anna", "Paul", "Emma", "Peter", "Laura", "Kevin", "Sarah", "Brian"]


def row(number: int, **more: Any) -> dict[str, Any]:
    """Rows that share no text, for numbers below 100."""
    prompt = f"So {NAMES[number % 10]} is {number // 10}, isn't"
    return {"prompt": prompt, "answer": " he", "foil": " she"} | more


def write(folder: Path, rows: Sequence[Any]) -> Path:
    path = folder / "mine.jsonl"
    path.write_text("".join(json.dumps(found) + "\n" for found in rows))
    return path


def sizes(task: Any) -> dict[str, int]:
    return {split: len(getattr(task, split)) for split in SPLITS}


def test_five_lines_are_enough(tmp_path: Path):
    path = write(tmp_path, [row(number) for number in range(5)])
    task = jsonl(path, TOY)
    assert sizes(task) == {"train": 1, "validation": 1, "test": 2, "reference": 1}
    assert sorted(example.prompt for split in task.splits for example in split) == sorted(
        row(number)["prompt"] for number in range(5)
    )
    assert task.name == "mine" and task.test.name == "mine/test"
    again = build(tokenizer=TOY, **task.config)
    assert [list(split) for split in again.splits] == [list(split) for split in task.splits]


def test_every_field_arrives(tmp_path: Path):
    first = {
        "prompt": "So Mary is",
        "answer": [" he", " she"],
        "foil": [" a", " to"],
        "counterfactual": "So James is",
        "counterfactual_answer": " to",
        "strata": {"kind": "x", "size": 2},
        "split": "test",
    }
    rest = [row(n, split=split) for n, split in enumerate(("train", "validation", "reference"))]
    (example,) = jsonl(write(tmp_path, [first, *rest]), TOY).test
    assert example.prompt == "So Mary is"
    assert example.answers == (" he", " she")
    assert example.foils == (" a", " to")
    assert example.counterfactual == "So James is"
    assert example.counterfactual_answer == " to"
    assert example.strata == {"kind": "x", "size": "2"}
    assert example.content == ("So James is",)


def test_empty_lines_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path):
    path = tmp_path / "mine.jsonl"
    lines = [json.dumps(row(number)) for number in range(4)]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(lines).encode())
    assert sum(sizes(jsonl(path, TOY)).values()) == 4


Number = st.integers(0, 30)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30) | st.none()), min_size=4, max_size=40
    ),
    st.integers(0, 10**6),
)
def test_rows_that_share_a_text_stay_together(links: list[tuple[int, int | None]], seed: int):
    rows = [
        row(one) if other is None else row(one, counterfactual=row(other)["prompt"])
        for one, other in links
    ]
    parsed = parse_rows("\n".join(map(json.dumps, rows)).encode(), "mine", TOY)
    components = connected([{one} | ({other} - {None}) for one, other in links])

    if len(components) < 4:
        with pytest.raises(TaskError, match=f"{len(rows)} rows in {len(components)} groups"):
            _divided(parsed, SHARES, random.Random(seed), "mine")
        return
    parts = _divided(parsed, SHARES, random.Random(seed), "mine")
    assert sorted(found.where for part in parts.values() for found in part) == sorted(
        found.where for found in parsed
    )
    texts = {split: {t for found in part for t in found.texts} for split, part in parts.items()}
    assert all(texts.values())
    assert sum(map(len, texts.values())) == len(set().union(*texts.values()))


def connected(sets: list[set[Any]]) -> list[set[Any]]:
    """Unions of sets that overlap, one merge at a time."""
    found: list[set[Any]] = []
    for new in sets:
        touching = [old for old in found if old & new]
        found = [old for old in found if not old & new] + [new.union(*touching)]
    return found


@pytest.mark.parametrize("rows", [20, 40, 100])
def test_large_files_follow_the_shares(tmp_path: Path, rows: int):
    path = write(tmp_path, [row(number) for number in range(rows)])
    for split, size in sizes(jsonl(path, TOY)).items():
        assert abs(size - SHARES[split] * rows) < 1
    shares = {"train": 5.0, "validation": 1.0, "test": 3.0, "reference": 1.0}
    for split, size in sizes(jsonl(path, TOY, shares=shares)).items():
        assert abs(size - shares[split] / 10 * rows) < 1


@pytest.mark.parametrize("seed", range(5))
def test_a_large_group_finds_its_place_first(tmp_path: Path, seed: int):
    rows = [row(n, counterfactual=row(99)["prompt"]) if n < 14 else row(n) for n in range(40)]
    task = jsonl(write(tmp_path, rows), TOY, seed=seed)
    assert sizes(task) == {"train": 14, "validation": 6, "test": 14, "reference": 6}


def test_the_seed_decides(tmp_path: Path):
    path = write(tmp_path, [row(number) for number in range(40)])
    tests = [list(jsonl(path, TOY, seed=seed).test) for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]


def test_given_splits_are_kept_and_train_lends_what_is_missing(tmp_path: Path):
    rows = [row(n, split="test" if n < 10 else "train") for n in range(60)]
    task = jsonl(write(tmp_path, rows), TOY)
    assert [example.prompt for example in task.test] == [row(n)["prompt"] for n in range(10)]
    assert sum(sizes(task).values()) == 60
    assert 10 <= len(task.reference) <= 14 and 10 <= len(task.validation) <= 14
    rows += [row(n, split="validation") for n in range(60, 65)]
    task = jsonl(write(tmp_path, rows), TOY)
    assert [example.prompt for example in task.validation] == [
        row(n)["prompt"] for n in range(60, 65)
    ]
    assert sizes(task) == {"train": 35, "validation": 5, "test": 10, "reference": 15}


def test_rows_taken_from_train_share_no_text_with_it(tmp_path: Path):
    rows = [row(n, split="train", counterfactual=row(40 + n // 4)["prompt"]) for n in range(40)]
    rows += [row(n, split=split) for n, split in ((90, "test"), (91, "validation"))]
    task = jsonl(write(tmp_path, rows), TOY)
    assert sizes(task) == {"train": 28, "validation": 1, "test": 1, "reference": 12}
    texts = [{example.counterfactual for example in split} for split in task.splits]
    assert not texts[0] & texts[3]


def test_metrics_follow_from_the_rows(tmp_path: Path):
    rows = [row(number) for number in range(5)]
    contrast = ["logit_difference", "above_foil", "log_likelihood"]
    assert list(jsonl(write(tmp_path, rows), TOY).metrics) == contrast
    del rows[3]["foil"]
    assert list(jsonl(write(tmp_path, rows), TOY).metrics) == ["log_likelihood"]
    rows[3]["foil"] = " a she"
    assert list(jsonl(write(tmp_path, rows), TOY).metrics) == ["log_likelihood"]
    rows[3] |= {"foil": " a", "answer": " he he"}
    assert list(jsonl(write(tmp_path, rows), TOY).metrics) == ["log_likelihood"]


GOOD = [json.dumps(row(number)) for number in range(6)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "So"', "not JSON: .* at column"),
        ("So Mary is", "not JSON: .* at column 1"),
        ('["So", " he"]', "expected an object, .* but found a list"),
        ('"So"', "but found a text"),
        ('{"prompt": "So"}', "the key 'answer' is missing"),
        ('{"answer": " he"}', "the key 'prompt' is missing"),
        ('{"prompt": "So", "answr": " he"}', "unknown key 'answr': did you mean 'answer'"),
        ('{"prompt": 3, "answer": " he"}', "'prompt' must be a text, but found a number"),
        ('{"prompt": "", "answer": " he"}', "'prompt' must be a text, but found an empty text"),
        ('{"prompt": null, "answer": " he"}', "'prompt' must be a text, but found null"),
        ('{"prompt": "So", "answer": {}}', "'answer' must be a text, but found an object"),
        ('{"prompt": "So", "answer": []}', "'answer' is an empty list"),
        ('{"prompt": "So", "answer": [" he", 3]}', "'answer' must be .* list .* holds a number"),
        ('{"prompt": "So", "answer": [" he", " he"]}', "'answer' has a text twice"),
        ('{"prompt": "So", "answer": " he", "foil": true}', "'foil' must .* found true or false"),
        ('{"prompt": "So", "answer": " he", "foil": " he"}', "' he' is both an answer and a foil"),
        ('{"prompt": "So", "answer": " he", "strata": "x"}', "'strata' must be an object"),
        ('{"prompt": "So", "answer": " he", "strata": {"a": []}}', "'a' is a list"),
        ('{"prompt": "So", "answer": " he", "split": "tset"}', "unknown split 'tset': .* 'test'"),
        ('{"prompt": "So", "answer": " he", "split": "test"}', "line 1: no split, but .* line 4"),
        ('{"prompt": "So", "answer": " he", "counterfactual": "So So"}', "as many tokens"),
        ('{"prompt": "So", "answer": " he", "counterfactual_answer": " a"}', "no counterfactual$"),
        ('{"prompt": "So ", "answer": "he"}', "token boundary .* move the white space"),
        ('{"prompt": "So", "answer": [" he", " he she"]}', "some have several tokens"),
        ('{"prompt": "So", "answer": " he he", "counterfactual": "So"}', "counterfactual_answer"),
    ],
)
def test_a_bad_line(tmp_path: Path, line: str, message: str):
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join([*GOOD[:3], line, *GOOD[3:]]))
    with pytest.raises(TaskError, match=message) as caught:
        jsonl(path, TOY)
    assert "mine.jsonl, line 4" in str(caught.value)


def test_null_is_as_good_as_no_key(tmp_path: Path):
    rows = [row(n, counterfactual=None, strata=None, split=None, foil=None) for n in range(4)]
    task = jsonl(write(tmp_path, rows), TOY)
    assert task.test[0].counterfactual is None and task.test[0].foils == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "mine.jsonl has no rows: write one JSON object a line"),
        (b"\n  \n", "mine.jsonl has no rows"),
        ("\n".join(GOOD).encode("utf-16"), "line 1: the file is UTF-16; save it as UTF-8"),
        ("\n".join(GOOD).encode() + b"\n\xe9", "line 7: byte 0xe9 is not UTF-8"),
        ("\n".join(GOOD[:3]).encode(), "3 rows in 3 groups .* add rows"),
        ("\n".join(GOOD[:1] * 9).encode(), "9 rows in 1 groups"),
    ],
)
def test_a_bad_file(tmp_path: Path, data: bytes, message: str):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(data)
    with pytest.raises(TaskError, match=message):
        jsonl(path, TOY)


def test_no_file(tmp_path: Path):
    with pytest.raises(TaskError, match=r"there is no file .*absent.jsonl"):
        jsonl(tmp_path / "absent.jsonl", TOY)
    with pytest.raises(TaskError, match=r"cannot read .*: Is a directory"):
        jsonl(tmp_path, TOY)


def test_another_file_than_the_one_asked_for(tmp_path: Path):
    path = write(tmp_path, [row(number) for number in range(5)])
    config = jsonl(path, TOY).config
    write(tmp_path, [row(number) for number in range(6)])
    with pytest.raises(TaskError, match="has changed: its SHA-256 is"):
        build(tokenizer=TOY, **config)


def test_given_splits_that_share_a_text(tmp_path: Path):
    rows = [row(0, split="train"), row(1, split="test", counterfactual=row(0)["prompt"])]
    with pytest.raises(TaskError, match=r"line 2 \(test\) and .* line 1 \(train\) share .So Mary"):
        jsonl(write(tmp_path, rows), TOY)


def test_given_splits_without_train_or_test(tmp_path: Path):
    for there, missing in (("train", "test"), ("test", "train")):
        path = write(tmp_path, [row(number, split=there) for number in range(9)])
        with pytest.raises(TaskError, match=f"no row has the split '{missing}'"):
            jsonl(path, TOY)


def test_train_too_small_to_lend(tmp_path: Path):
    rows = [row(n, split="train") for n in range(2)] + [row(9, split="test")]
    with pytest.raises(TaskError, match=r"split train: 2 rows .* train, validation, reference"):
        jsonl(write(tmp_path, rows), TOY)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"tests": 1.0}, "unknown split 'tests' in shares: did you mean 'test'"),
        ({**SHARES, "test": 0.0}, r"share of test must be above 0, not 0\.0"),
        ({**SHARES, "test": float("nan")}, "share of test must be above 0, not nan"),
        ({"train": 0.8, "test": 0.2}, "validation, reference is missing"),
    ],
)
def test_shares_that_make_no_sense(tmp_path: Path, shares: dict[str, float], message: str):
    with pytest.raises(TaskError, match=message):
        jsonl(write(tmp_path, [row(number) for number in range(9)]), TOY, shares=shares)


def test_fill_order_names_every_split():
    assert sorted(FILL_ORDER) == sorted(SPLITS)
