"""A small byte-level BPE for Python code."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ..errors import CorpusError

END = "<|endoftext|>"
"""Stands between documents, and before the first."""

WORD = r"[^\p{L}\p{N}\r\n]?\p{L}+"
NUMBER = r"\p{N}{1,3}"
SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
LINE_ENDS = r"\s*[\r\n]+"
INDENTATION = r"\s+(?=\s\S)|\s+"
PIECES = "|".join((WORD, NUMBER, SIGNS, LINE_ENDS, INDENTATION))
"""What a token never reaches beyond. A word takes one sign or space before it (` x`, `.add`); signs
take a space before them and the line ends after them (`("`, `")\\n`, ` +=`), so that what closes a
line can be one token; an indentation leaves its last space to the word."""

LONGEST = 24
"""Bytes of a token: else rulers of dashes in comments take places in a small vocabulary."""
AT_ONCE = 256


def train_tokenizer(
    texts: Iterable[str], *, vocabulary: int = 2048, length: int | None = None
) -> PreTrainedTokenizerFast:
    """A byte-level BPE trained on texts (paper 3, appendix A.6: 2,048 tokens).

    It gives back every text byte for byte. `<|endoftext|>` is its BOS, EOS and padding token; none
    is added by itself. Save it by `save_pretrained`.

    Args:
        texts: whole files. Of what should be one token there must be plenty, so the programs of the
            tasks belong to them (`tasks.python.programs`).
        vocabulary: tokens in all; 256 of them are bytes.
        length: how many texts there are, if that is known.

    Raises:
        CorpusError: the vocabulary has no room for all bytes, or the texts are too few to fill it.
    """
    if vocabulary < 257:
        raise CorpusError(f"a vocabulary has 256 bytes and {END}, so 257 tokens or more")
    own = Tokenizer(models.BPE())
    own.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    own.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=LONGEST,
        show_progress=False,
    )
    own.train_from_iterator(texts, trainer, length)
    if own.get_vocab_size() < vocabulary:
        raise CorpusError(
            f"the texts fill {own.get_vocab_size()} of {vocabulary} tokens: use more text or a "
            "smaller vocabulary"
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=own,
        bos_token=END,
        eos_token=END,
        pad_token=END,
        clean_up_tokenization_spaces=False,
    )


def open_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """A tokenizer that `save_pretrained` wrote.

    Raises:
        CorpusError: there is none, or it is damaged.
    """
    if not (folder / "tokenizer.json").is_file():
        raise CorpusError(f"there is no tokenizer in {folder}")
    try:
        return PreTrainedTokenizerFast.from_pretrained(folder)
    except Exception as error:  # the library raises bare Exceptions for a torn file
        raise CorpusError(f"the tokenizer in {folder} is damaged: {error}") from error


def encode_documents(tokenizer: Any, texts: Iterable[str]) -> Iterator[list[int]]:
    """The tokens of each text. Code that spells out `<|endoftext|>` does not end a document."""
    own = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    own.encode_special_tokens = True
    own.no_padding()
    own.no_truncation()
    unread = iter(texts)
    while some := list(islice(unread, AT_ONCE)):
        for encoding in own.encode_batch_fast(some, add_special_tokens=False):
            yield encoding.ids


def tokenizer_mark(tokenizer: Any) -> str:
    """A hash of what a tokenizer does; files of tokens carry that of theirs."""
    whole = tokenizer.backend_tokenizer.to_str()
    return hashlib.sha256(whole.encode()).hexdigest()[:16]
