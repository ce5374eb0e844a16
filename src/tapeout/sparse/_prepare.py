"""From source files to what a training reads: a tokenizer, and files of tokens."""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from ..errors import CorpusError
from ..tasks.python import PYTHON_TASKS, programs
from ._bpe import END, encode_documents, open_tokenizer, tokenizer_mark, train_tokenizer
from ._corpus import PYTHON, Document, collect, divide
from ._tokens import TokenFile, write_tokens

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

CONFIG = "corpus.json"
TOKENIZER = "tokenizer"


@dataclass(frozen=True, kw_only=True)
class CorpusConfig:
    """What a corpus is made of.

    Attributes:
        source: `python` for the running interpreter's files, or a folder.
        megabytes: the most of source files.
        validation: the share of files that is kept from training.
        vocabulary: tokens of the BPE.
        learned_from: megabytes of source files that the BPE is trained on.
        tokenizer_programs: programs of the tasks, with names of all splits, that it is trained on
            beside them, so that answers become single tokens.
        programs: programs with the train split's names and frequent words of the source files to
            mix into training; a twentieth as many with the validation split's names are there to
            measure on.
        tasks: names of the tasks that these are of; none for all.
        seed: of the programs.
    """

    source: str = PYTHON
    megabytes: float = 64.0
    validation: float = 0.02
    vocabulary: int = 2048
    learned_from: float = 16.0
    tokenizer_programs: int = 30_000
    programs: int = 100_000
    tasks: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A prepared corpus.

    Attributes:
        tokenizer: its BPE.
        train, validation: real code; no file is in both.
        programs, validation_programs: programs of the tasks; no name of the latter is in the
            former.
    """

    tokenizer: PreTrainedTokenizerFast
    train: TokenFile
    validation: TokenFile
    programs: TokenFile
    validation_programs: TokenFile

    @classmethod
    def open(cls, folder: Path) -> "Corpus":
        """One that `prepare` wrote.

        Raises:
            CorpusError: it is not there or damaged, or a file was made with another tokenizer.
        """
        tokenizer = open_tokenizer(folder / TOKENIZER)
        files = {name: TokenFile(folder / f"{name}.safetensors") for name in FILES}
        for file in files.values():
            if file.tokenizer != tokenizer_mark(tokenizer):
                raise CorpusError(f"{file.path} was made with another tokenizer: make it again")
        return cls(tokenizer=tokenizer, **files)


WORD = re.compile(r"\b[a-z]{3,10}\b")
NAMES = 8000
"""The most words of the code that programs are written with."""

FILES = ("train", "validation", "programs", "validation_programs")


def prepare(
    folder: Path, config: CorpusConfig | None = None, *, progress: Progress | None = None
) -> Corpus:
    """Make a corpus in a folder, or open it if it is there; a killed call leaves none.

    Args:
        folder: where it goes.
        config: what it is made of.
        progress: called as it goes on.

    Raises:
        CorpusError: there is no usable text, the folder holds something else, or cannot be written.
    """
    config = CorpusConfig() if config is None else config
    if folder.exists():
        _check_same(folder, config)
        return Corpus.open(folder)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        _make(partial, config, progress or (lambda what, done, total: None))
        (partial / CONFIG).write_text(json.dumps(asdict(config), indent=1), encoding="utf-8")
        os.rename(partial, folder)
    except OSError as error:
        raise CorpusError(f"cannot write the corpus {folder}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Corpus.open(folder)


def _check_same(folder: Path, config: CorpusConfig) -> None:
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{folder} holds no corpus: use another folder") from error
    if found != json.loads(json.dumps(asdict(config))):
        raise CorpusError(f"the corpus in {folder} is made of something else: use another folder")


def _make(folder: Path, config: CorpusConfig, progress: Progress) -> None:
    documents = collect(config.source, most_bytes=int(config.megabytes * 1e6))
    train, validation = divide(documents, config.validation)
    progress("tokenizer", 0, 1)
    tokenizer = train_tokenizer(_sample(train, config), vocabulary=config.vocabulary)
    tokenizer.save_pretrained(folder / TOKENIZER)
    progress("tokenizer", 1, 1)
    drawn = {"seed": config.seed, "tasks": config.tasks or PYTHON_TASKS}
    texts = (
        [document.text for document in train],
        [document.text for document in validation],
        programs(config.programs, names=_names(train), **drawn),
        programs(max(config.programs // 20, 1), split="validation", **drawn),
    )
    for name, some in zip(FILES, texts, strict=True):
        _write(folder / f"{name}.safetensors", tokenizer, _watched(some, name, progress))


def _sample(documents: Sequence[Document], config: CorpusConfig) -> list[str]:
    texts, left = [], config.learned_from * 1e6
    for document in documents:
        left -= len(document.text)
        if left < 0 and texts:
            break
        texts.append(document.text)
    return texts + programs(config.tokenizer_programs, split=None, seed=config.seed)


def _names(documents: Sequence[Document]) -> list[str]:
    """The most frequent short lower-case words, but for those of two documents or fewer."""
    # each document's words in their order: a set's would change with the process
    words = (dict.fromkeys(WORD.findall(document.text)) for document in documents)
    found = Counter(word for some in words for word in some)
    return [word for word, count in found.most_common(NAMES) if count > 2]


def _write(path: Path, tokenizer: Any, texts: Iterable[str]) -> None:
    write_tokens(
        path,
        encode_documents(tokenizer, texts),
        end=tokenizer.convert_tokens_to_ids(END),
        vocabulary=len(tokenizer),
        tokenizer=tokenizer_mark(tokenizer),
    )


def _watched(texts: Sequence[str], name: str, progress: Progress) -> Iterable[str]:
    for done, text in enumerate(texts):
        progress(name, done, len(texts))
        yield text
