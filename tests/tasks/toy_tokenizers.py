"""Tokenizers made on the spot: a pattern cuts the text, and every piece of a corpus is a token."""

import re
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from tapeout.tasks import _words
from tapeout.tasks.greater_than import TEMPLATE as YEARS
from tapeout.tasks.ioi import TEMPLATES as IOI
from tapeout.tasks.pronouns import TEMPLATES as PRONOUNS

WORDS = r" ?[A-Za-z']+|[^\w\s]|\s"
SINGLE_DIGITS = rf" ?\d|{WORDS}"
TWO_DIGITS = rf" ?\d\d| ?\d|{WORDS}"
THREE_DIGITS = rf" ?\d{{1,3}}|{WORDS}"
MERGED_YEARS = rf" 1[1-7]00| 17(?:76|89)| 1301| 16\d\d| 11[5-9](?=\d\b)|{TWO_DIGITS}"
"""Two digits, but some years are one token, all of the 17th century are, and 1152 is 115|2."""
UNEVEN_DIGITS = rf" ?[0-4][0-4]| ?\d|{WORDS}"
"""Two digits below 5 are one token: numbers of as many digits differ in their tokens."""
SHORT_PIECES = r" ?\d| ?[A-Za-z']{1,5}|[^\w\s]|\s"
"""Single digits, and words cut after every fifth letter: longer names have two tokens."""


def toy(
    pattern: str, *, without: Iterable[str] = (), bos: str | None = None, adds_bos: bool = False
) -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are the pattern's pieces of the built-in tasks' texts.

    Args:
        without: words that it does not know.
        adds_bos: whether it starts every text with its BOS token by itself.
    """
    gone = {f" {word}" for word in without}
    pieces = {piece for text in _corpus() for piece in re.findall(pattern, text)} - gone
    vocabulary = {"[UNK]": 0, "[PAD]": 1, "[BOS]": 2}
    for piece in sorted(pieces):
        vocabulary.setdefault(piece, len(vocabulary))
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[BOS] $A", special_tokens=[("[BOS]", 2)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", bos_token=bos
    )


def _corpus() -> list[str]:
    templates = [re.sub(r"\{\w+\}", "", text) for text in (YEARS, *IOI, *PRONOUNS)]
    lists = (_words.WOMEN, _words.MEN, _words.PLACES, _words.OBJECTS, _words.PERIODS)
    words = [f" {word}" for words in lists for word in words]
    numbers = [form for n in range(1000) for form in (f"{n:03d}", f"{n:02d} {n:02d}", f"{n} {n}")]
    years = [f"to the year {century}{n:02d} to" for century in range(11, 18) for n in range(100)]
    return [*templates, *words, *numbers, *years, "So", " she he", "+ -=?!.,:<>\n x", *"mcr"]
