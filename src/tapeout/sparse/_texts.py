"""A task's texts as a corpus, for a model that has a tokenizer already."""

import os
import shutil
from pathlib import Path
from typing import Any

from ..errors import CorpusError
from ..tasks import Split, Task
from ._bpe import tokenizer_mark
from ._prepare import FILES, TOKENIZER, Corpus
from ._tokens import write_tokens


def prepare_texts(folder: Path, task: Task, tokenizer: Any) -> Corpus:
    """Write the prompts with their answers as files of tokens, or open what is there.

    It has the train split to train on and the validation split to measure on; its programs are
    the same texts. So a narrow distribution serves wherever a corpus does, for example to train a
    small sparse model beside a large dense one that was made elsewhere.

    Args:
        folder: where it goes; it appears whole or not at all.
        tokenizer: the model's own, with an end token.

    Raises:
        CorpusError: the tokenizer has no end token, or too many tokens, or the folder cannot be
            written.
    """
    if folder.exists():
        return Corpus.open(folder)
    if tokenizer.eos_token_id is None:
        raise CorpusError("the tokenizer has no end token (eos_token) to stand between texts")
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        tokenizer.save_pretrained(partial / TOKENIZER)
        splits = (task.train, task.validation, task.train, task.validation)
        for name, split in zip(FILES, splits, strict=True):
            _write(partial / f"{name}.safetensors", split, tokenizer)
        os.rename(partial, folder)
    except OSError as error:
        raise CorpusError(f"cannot write the texts {folder}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Corpus.open(folder)


def _write(path: Path, split: Split, tokenizer: Any) -> None:
    write_tokens(
        path,
        (item.prompt + item.answers[0] for item in split.encoded),
        end=tokenizer.eos_token_id,
        vocabulary=len(tokenizer),
        tokenizer=tokenizer_mark(tokenizer),
    )
