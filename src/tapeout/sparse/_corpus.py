"""Python source to train on: that of the running interpreter, or a folder of one's own."""

import hashlib
import os
import site
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from ..errors import CorpusError

PYTHON = "python"
"""The source that stands for the running interpreter's own code."""

SMALLEST, LARGEST = 100, 200_000
"""Bytes of a file: below it is next to empty, above it is data more often than code."""

_INSTALLED = {"site-packages", "dist-packages"}
_TESTS = {"test", "tests", "idle_test"}
_PASSED_OVER = {"__pycache__", *_INSTALLED}


@dataclass(frozen=True)
class Document:
    """A source file.

    Attributes:
        name: its path from the folder that it was found in.
        text: as it is, quotes and comments too, with line ends as `\\n`.
        digest: SHA-256 of its bytes, in hexadecimal.
    """

    name: str
    text: str
    digest: str


def collect(source: str | Path = PYTHON, *, most_bytes: int = 64_000_000) -> list[Document]:
    """Source files, each text once, in an order that does not depend on where they lie.

    Of the running interpreter there come its standard library, then that library's tests, then the
    installed packages, as far as they fit. Within each the order is that of the digests, so that a
    smaller corpus is a fair sample of a larger one.

    Args:
        source: `python` for the running interpreter, or a folder whose `.py` files are taken.
        most_bytes: of all files; the first that does not fit ends the corpus. A file has 100 bytes
            to 200 kB.

    Raises:
        CorpusError: there is no such folder, or no usable text in it.
    """
    where = "the running Python" if source == PYTHON else str(source)
    tiers = _python() if source == PYTHON else [_files(_folder(Path(source)), _PASSED_OVER)]
    found: list[Document] = []
    passed: Counter[str] = Counter()
    seen: set[str] = set()
    size = 0
    for tier in tiers:
        for document in sorted(_read(tier, seen, passed), key=lambda item: item.digest):
            size += len(document.text.encode())
            if size > most_bytes:
                passed["do not fit"] += 1
                break
            found.append(document)
        if size > most_bytes:
            break
    if not found:
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(passed.items()))
        why = why or "none found"
        raise CorpusError(
            f"{where} has no usable text: of its .py files {why}. A file needs {SMALLEST} to "
            f"{LARGEST:,} bytes of UTF-8, and all together at most {most_bytes:,}"
        )
    return found


def divide(
    documents: Sequence[Document], validation: float = 0.02
) -> tuple[list[Document], list[Document]]:
    """Training and validation documents, by file; at least one each.

    A hash of a file's content decides, so the division does not depend on the order.

    Args:
        validation: the share of all files that is kept from training.

    Raises:
        CorpusError: there are fewer than two files, or the share leaves none for a side.
    """
    if not 0 < validation < 1:
        raise CorpusError(f"validation must be a share between 0 and 1, not {validation}")
    count = ceil(validation * len(documents))
    if not 0 < count < len(documents):
        raise CorpusError(
            f"{len(documents)} files cannot be divided into training and validation: use a folder "
            "with more .py files"
        )
    ranked = sorted(
        document.digest for document in documents
    )  # digests are uniform, but the corpus may hold the lowest of a tier only
    ranked.sort(key=lambda digest: hashlib.sha256(f"validation/{digest}".encode()).digest())
    held = set(ranked[:count])
    return (
        [document for document in documents if document.digest not in held],
        [document for document in documents if document.digest in held],
    )


def _python() -> Iterator[list[tuple[Path, Path]]]:
    """The interpreter's files, what everyone has first."""
    paths = sysconfig.get_paths()
    library = _files(Path(paths["stdlib"]), _PASSED_OVER)
    tests = [both for both in library if _TESTS & set(both[1].relative_to(both[0]).parts)]
    yield sorted(set(library) - set(tests))
    yield tests
    folders = [paths["purelib"], paths["platlib"], *site.getsitepackages()]
    roots = dict.fromkeys(Path(folder).resolve() for folder in folders)
    yield [both for root in roots for both in _files(root, {"__pycache__"})]


def _folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise CorpusError(
            f"there is no folder {folder}: name a folder with .py files, or {PYTHON!r} for those "
            "of the running Python"
        )
    return folder


def _files(root: Path, passed_over: set[str]) -> list[tuple[Path, Path]]:
    """All `.py` files below a folder, each with the folder; links to folders are not followed."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - passed_over)
        found += [(root, Path(folder, name)) for name in sorted(names) if name.endswith(".py")]
    return found


def _read(
    files: Sequence[tuple[Path, Path]], seen: set[str], passed: Counter[str]
) -> Iterator[Document]:
    for root, path in files:
        try:
            data = path.read_bytes()
            text = data.decode("utf-8-sig")
        except OSError:
            passed["cannot be read"] += 1
            continue
        except UnicodeDecodeError:
            passed["are not UTF-8"] += 1
            continue
        if not SMALLEST <= len(data) <= LARGEST:
            passed["are too small" if len(data) < SMALLEST else "are too large"] += 1
            continue
        if not text.strip() or "\0" in text:
            passed["are empty or hold zero bytes"] += 1
            continue
        digest = hashlib.sha256(data).hexdigest()
        if digest not in seen:
            seen.add(digest)
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            yield Document(path.relative_to(root).as_posix(), text, digest)
