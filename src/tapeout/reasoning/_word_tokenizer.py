"""A tokenizer of whole words and single digits, for models that are trained on word problems."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from ..bases import BOS, PAD
from ._instances import instances
from ._library import built_in
from ._prompting import Prompting
from ._template import Template
from ._variables import Drawn
from ._word import Word

SIGN = r" [-+*/=] "
CUE = r"[QA]:"
WORD = r" ?\p{L}+"
OTHER = r" ?[^\p{L}\p{N}\s]"
PIECES = "|".join((SIGN, CUE, WORD, OTHER, r"[\s\S]"))
"""What a token never reaches beyond. Signs of arithmetic take the spaces on both sides, so that a
digit is the same token wherever it stands."""


def word_tokenizer() -> Any:
    """A `PreTrainedTokenizerFast` of the words that the built-in templates write.

    Digits are single tokens. What is no word of the templates is spelled out byte by byte, so every
    text comes back as it was. Every text starts with BOS, so that the first position, which is
    exempt from replacement, tells nothing.
    """
    tokens = (PAD, BOS, *sorted(pre_tokenizers.ByteLevel.alphabet()), *_words())
    vocabulary = {token: number for number, token in enumerate(tokens)}
    # no merges: a piece is a token of the vocabulary, or its bytes are
    tokenizer = Tokenizer(models.BPE(vocabulary, [], ignore_merges=True))
    tokenizer.pre_tokenizer = _pieces()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, vocabulary[BOS])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        clean_up_tokenization_spaces=False,
    )


def _pieces() -> Any:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


@cache
def _words() -> tuple[str, ...]:
    """Every piece of more than a byte, as the tokenizer writes it."""
    pieces = _pieces()
    texts = [text for template in built_in() for text in _texts(template)]
    found = {piece for text in texts for piece, _ in pieces.pre_tokenize_str(text)}
    return tuple(sorted(piece for piece in found if len(piece) > 1))


def _texts(template: Template) -> Iterator[str]:
    """All that stands in every problem of a template, and every word that can."""
    (example,) = instances(template, 1, seed="words")
    prompting = Prompting()
    yield f"{prompting.prefix(())}{prompting.question(example)} {example.solution}"
    for variable in template.variables.values():
        for value in variable.values if isinstance(variable, Drawn) else ():
            for form in value.forms.values() if isinstance(value, Word) else ():
                yield f" {form}"
                yield f" {form[:1].upper()}{form[1:]}"
