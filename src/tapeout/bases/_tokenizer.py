"""A tokenizer of single characters."""

from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

CHARACTERS = "\n0123456789+-=<>,?mcr"
"""All that the tasks on digits write by default."""
PAD, BOS, UNKNOWN = "[PAD]", "[BOS]", "[UNK]"
"""Tokens that fill up, that begin a text, and that stand for what the tokenizer does not know."""


def character_tokenizer() -> Any:
    """A `PreTrainedTokenizerFast` of 24 tokens: three special ones, then `CHARACTERS`.

    It starts every text with BOS by itself, so that the first position, which is exempt from
    replacement, tells no operand.
    """
    tokens = (PAD, BOS, UNKNOWN, *CHARACTERS)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, vocabulary[BOS])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=BOS, unk_token=UNKNOWN
    )
