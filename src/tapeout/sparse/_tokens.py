"""Files of tokens that are read without loading them."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor, from_numpy

from ..errors import CorpusError

FORMAT = "tapeout tokens 1"
MOST_TOKENS = 2**16
"""Different tokens: an id takes two bytes."""


class TokenFile:
    """One long row of tokens on disk: documents, an end token before each and after the last.

    Safetensors with one tensor, `ids` (uint16), and JSON about it in its header.

    Args:
        path: a file that `write_tokens` wrote.

    Raises:
        CorpusError: it is not there, torn, or no file of tokens.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = safe_open(path, framework="np")
            about = json.loads(self._file.metadata()["tokens"])
            self._ids = self._file.get_slice("ids")
            shape, kind = self._ids.get_shape(), self._ids.get_dtype()
            self.vocabulary: int = about["vocabulary"]
            self.documents: int = about["documents"]
            self.tokenizer: str = about["tokenizer"]
            good = about["format"] == FORMAT and kind == "U16" and shape == [about["tokens"]]
        except FileNotFoundError as error:
            raise CorpusError(f"there is no file of tokens {path}") from error
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CorpusError(_broken(path, str(error))) from error
        if not good:
            raise CorpusError(_broken(path, "its header does not fit its content"))
        self._length: int = shape[0]

    def __len__(self) -> int:
        return self._length

    def window(self, at: int, length: int) -> Int[Tensor, " pos"]:
        """Tokens `at` to `at + length`, as int64.

        Raises:
            CorpusError: an id is beyond the vocabulary, so the file is damaged.
        """
        ids = self._ids[at : at + length].astype(np.int64)
        if ids.size and ids.max() >= self.vocabulary:
            raise CorpusError(_broken(self.path, f"token {ids.max()} of {self.vocabulary}"))
        return from_numpy(ids)


def write_tokens(
    path: Path,
    documents: Iterable[Sequence[int]],
    *,
    end: int,
    vocabulary: int,
    tokenizer: str = "",
) -> TokenFile:
    """Write documents as one row of tokens; the file appears whole or not at all.

    Args:
        documents: the tokens of each.
        end: the token that stands between documents.
        vocabulary: how many tokens there are.
        tokenizer: a mark of what made the ids.

    Raises:
        CorpusError: the vocabulary is too large, or the file cannot be written.
    """
    if vocabulary > MOST_TOKENS:
        raise CorpusError(f"a file of tokens takes {MOST_TOKENS:,} of them, not {vocabulary:,}")
    parts, count = [np.array([end], dtype=np.uint16)], 0
    for ids in documents:
        parts.append(np.array([*ids, end], dtype=np.uint16))
        count += 1
    row = np.concatenate(parts)
    about = {"format": FORMAT, "tokens": len(row), "documents": count}
    about |= {"vocabulary": vocabulary, "tokenizer": tokenizer}
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        save_file({"ids": row}, partial, metadata={"tokens": json.dumps(about)})
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        raise CorpusError(f"cannot write {path}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return TokenFile(path)


def _broken(path: Path, why: str) -> str:
    return f"{path} is torn or no file of tokens ({why}): delete it and make it again"
