from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from tapeout.errors import CorpusError
from tapeout.sparse import TokenFile, write_tokens

DOCUMENTS = st.lists(st.lists(st.integers(0, 65535), max_size=9), max_size=6)


def written(path: Path, documents: list[list[int]], **options: int) -> TokenFile:
    return write_tokens(path, documents, end=0, vocabulary=options.get("vocabulary", 2**16))


@given(DOCUMENTS)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, documents):
    path = tmp_path_factory.mktemp("tokens") / "some.safetensors"
    file = written(path, documents)
    row = [0, *(token for ids in documents for token in (*ids, 0))]
    assert len(file) == len(row) and file.documents == len(documents)
    again = TokenFile(path)
    assert again.window(0, len(row)).tolist() == row
    assert again.window(len(row) // 2, 1).tolist() == row[len(row) // 2 :][:1]
    assert again.window(0, 1).dtype == torch.int64
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@given(st.integers(0, 400))
def test_a_torn_file_is_told(tmp_path_factory: pytest.TempPathFactory, kept: int):
    path = tmp_path_factory.mktemp("tokens") / "some.safetensors"
    written(path, [[1, 2, 3] * 20])
    whole = path.read_bytes()
    path.write_bytes(whole[: min(kept, len(whole) - 1)])
    with pytest.raises(CorpusError, match=r"is torn or no file of tokens .* make it again"):
        TokenFile(path)


def test_foreign_files(tmp_path: Path):
    path = tmp_path / "other.safetensors"
    with pytest.raises(CorpusError, match="there is no file of tokens"):
        TokenFile(path)
    save_file({"ids": np.zeros(3, np.uint16)}, path)
    with pytest.raises(CorpusError, match="no file of tokens"):
        TokenFile(path)
    np.save(tmp_path / "row.npy", np.zeros(300, np.uint16))
    with pytest.raises(CorpusError, match="no file of tokens"):
        TokenFile(tmp_path / "row.npy")
    about = '{"format": "tapeout tokens 1", "tokens": 4, "documents": 1, "vocabulary": 9, '
    about += '"tokenizer": ""}'
    for ids in (np.zeros(3, np.uint16), np.zeros(4, np.int32), np.zeros((2, 2), np.uint16)):
        save_file({"ids": ids}, path, metadata={"tokens": about})
        with pytest.raises(CorpusError, match="does not fit its content"):
            TokenFile(path)
    save_file({"ids": np.full(4, 9, np.uint16)}, path, metadata={"tokens": about})
    with pytest.raises(CorpusError, match="token 9 of 9"):
        TokenFile(path).window(0, 4)


def test_what_cannot_be_written(tmp_path: Path):
    with pytest.raises(CorpusError, match="takes 65,536 of them, not 65,537"):
        written(tmp_path / "a", [[1]], vocabulary=2**16 + 1)
    with pytest.raises(CorpusError, match="cannot write"):
        written(tmp_path / "absent" / "a", [[1]])
    assert not list(tmp_path.iterdir())
