import pytest

from tapeout.errors import RunError
from tapeout.journal import Journal


def rows(journal):
    return journal.read(lambda row: row["k"])


def test_lines_outlive_the_process_and_a_torn_one_is_cut_off(tmp_path):
    journal = Journal(tmp_path / "found.jsonl")
    assert rows(journal) == []
    for k in (1, 2):
        journal.add({"k": k, "é": "\u2028"})
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + '{"k": 3, "é'.encode()[:-1])
    assert rows(journal) == [1, 2]
    assert journal.path.read_bytes() == whole
    journal.add({"k": 3})
    assert rows(Journal(journal.path)) == [1, 2, 3]


def test_a_damaged_line_and_a_place_that_is_none_are_told(tmp_path):
    journal = Journal(tmp_path / "found.jsonl")
    journal.path.write_text('{"k": 1}\n{"other": 2}\n')
    with pytest.raises(RunError, match=r"line 2 of .* is damaged"):
        rows(journal)
    with pytest.raises(RunError, match="cannot write"):
        Journal(tmp_path / "nowhere" / "found.jsonl").add({})
    (tmp_path / "folder").mkdir()
    journal.path.write_bytes(b"\xff\n")
    with pytest.raises(RunError, match="cannot read"):
        rows(journal)
