import hashlib
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import CorpusError
from tapeout.sparse import Document, collect, divide
from tapeout.sparse._corpus import LARGEST, SMALLEST

CODE = "# it's a \"comment\"\nx = 'one'  # kept\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for row in range(6):
        path = tmp_path / f"part{row % 2}" / f"file{row}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(CODE * 4 + f"y = {row}\n")
    return tmp_path


def named(documents: list[Document]) -> set[str]:
    return {document.name for document in documents}


def test_text_stays_as_it_is(folder: Path):
    (document,) = (d for d in collect(folder) if d.name == "part1/file3.py")
    assert document.text == CODE * 4 + "y = 3\n"
    assert document.digest == hashlib.sha256(document.text.encode()).hexdigest()


def test_the_same_text_comes_once_and_the_order_is_the_same_elsewhere(folder: Path, tmp_path: Path):
    first = collect(folder)
    (folder / "zzz.py").write_text((folder / "part0" / "file0.py").read_text())
    assert len(collect(folder)) == len(first) == 6
    moved = folder / "deep" / "er"
    moved.mkdir(parents=True)
    for path in sorted(folder.glob("part*/*.py")):
        path.rename(moved / path.name)
    (folder / "zzz.py").unlink()
    assert [d.digest for d in collect(folder)] == [d.digest for d in first]


def test_what_is_passed_over(folder: Path):
    (folder / "small.py").write_text("x = 1")
    (folder / "large.py").write_text("x = 1\n" * (LARGEST // 6 + 1))
    (folder / "latin.py").write_bytes("x = 'é'\n".encode("latin-1") * 40)
    (folder / "zero.py").write_bytes(b"x = 1\n\0" * 40)
    (folder / "blank.py").write_text(" \n" * 200)
    (folder / "notes.txt").write_text(CODE * 9)
    hidden = folder / "__pycache__"
    hidden.mkdir()
    (hidden / "cached.py").write_text(CODE * 9)
    (folder / "bom.py").write_bytes(b"\xef\xbb\xbf" + b"z = 1\r\n" * 40)
    found = {document.name: document for document in collect(folder)}
    assert set(found) == {*(f"part{row % 2}/file{row}.py" for row in range(6)), "bom.py"}
    assert found["bom.py"].text == "z = 1\n" * 40


def test_a_smaller_corpus_is_the_start_of_a_larger_one(folder: Path):
    whole = collect(folder)
    size = len(whole[0].text) + len(whole[1].text)
    assert collect(folder, most_bytes=size) == whole[:2]
    assert collect(folder, most_bytes=size - 1) == whole[:1]


def test_no_usable_text(tmp_path: Path):
    with pytest.raises(CorpusError, match=r"there is no folder .*absent: name a folder"):
        collect(tmp_path / "absent")
    with pytest.raises(CorpusError, match=r"no usable text: of its .py files none found"):
        collect(tmp_path)
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "b.py").write_bytes(b"\xff" * SMALLEST)
    with pytest.raises(CorpusError, match=r"1 are not UTF-8, 1 are too small. A file needs 100 to"):
        collect(tmp_path)
    (tmp_path / "c.py").write_text(CODE * 10)
    with pytest.raises(CorpusError, match="1 are too small, 1 do not fit"):
        collect(tmp_path, most_bytes=10)


def test_the_running_pythons_library_comes_first():
    library = Path(sysconfig.get_paths()["stdlib"])
    documents = collect(most_bytes=400_000)
    assert documents == collect(most_bytes=400_000)
    assert documents and all((library / document.name).is_file() for document in documents)
    parts = {part for document in documents for part in Path(document.name).parts}
    assert not parts & {"site-packages", "__pycache__", "test", "tests"}
    assert len({document.digest for document in documents}) == len(documents)


@given(st.integers(2, 60), st.floats(0.01, 0.9), st.integers(0, 10**6))
def test_files_are_on_one_side(count: int, share: float, seed: int):
    documents = [
        Document(f"{row}.py", str(row), hashlib.sha256(f"{seed}/{row}".encode()).hexdigest())
        for row in range(count)
    ]
    if int(share * count) == count - 1 and share * count > count - 1:
        return
    train, validation = divide(documents, share)
    assert train and validation
    assert not named(train) & named(validation)
    assert named(train) | named(validation) == named(documents)
    assert abs(len(validation) - share * count) < 1
    again = divide(documents[::-1], share)
    assert named(again[1]) == named(validation)


def test_what_cannot_be_divided(folder: Path):
    with pytest.raises(CorpusError, match="1 files cannot be divided"):
        divide(collect(folder)[:1])
    with pytest.raises(CorpusError, match=r"validation must be a share between 0 and 1, not 0.0"):
        divide(collect(folder), 0.0)
