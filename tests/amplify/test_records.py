"""The error-localisation set as a file."""

import json
from pathlib import Path

import pytest

from tapeout.amplify import LocalisationSet, Record
from tapeout.errors import AmplifyError
from tapeout.models import Fingerprint

RECORD = Record(
    tokens=(5, 6),
    desired=7,
    undesired=8,
    template_id="apples",
    instance_id=3,
    greedy_right=False,
    method="branching",
)
SET = LocalisationSet(
    name="tiny",
    prefix=(1, 2, 3),
    records=(RECORD, RECORD),
    model=Fingerprint("a model", "abc"),
    origin={"seed": 0},
)


def test_a_set_comes_back_as_it_was(tmp_path: Path) -> None:
    SET.save(tmp_path / "deep" / "set.jsonl")
    back = LocalisationSet.load(tmp_path / "deep" / "set.jsonl")
    assert list(back) == [RECORD, RECORD]
    assert (back.name, back.prefix, back.model, back.origin) == (
        SET.name,
        SET.prefix,
        SET.model,
        SET.origin,
    )


@pytest.mark.parametrize("cut", ["head", "line", "newer"])
def test_a_damaged_file_is_told(tmp_path: Path, cut: str) -> None:
    path = tmp_path / "set.jsonl"
    SET.save(path)
    lines = path.read_text().splitlines()
    if cut == "head":
        lines = lines[1:]
    elif cut == "line":
        lines[-1] = lines[-1][:20]
    else:
        lines[0] = json.dumps(json.loads(lines[0]) | {"schema_version": 99})
    path.write_text("\n".join(lines))
    with pytest.raises(AmplifyError, match=r"set\.jsonl"):
        LocalisationSet.load(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(AmplifyError, match="holds no localisation set"):
        LocalisationSet.load(tmp_path / "none.jsonl")
