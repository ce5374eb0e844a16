"""A tokenizer of whole words, and tasks from prompts."""

from collections.abc import Sequence

import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from tapeout.tasks import ABOVE_FOIL, LOGIT_DIFFERENCE, Example, Split, Task

SIZES = {"train": 64, "validation": 10, "test": 32}
"""How many prompts each split gets; the reference set gets the rest."""


def tokenizer(words: Sequence[str]) -> transformers.PreTrainedTokenizerFast:
    """Token 0 is padding, then the words in their order."""
    vocabulary = {word: place for place, word in enumerate(["?", *words])}
    model = Tokenizer(WordLevel(vocabulary, unk_token="?"))
    model.pre_tokenizer = WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=model, pad_token="?")


def task_of(name: str, examples: Sequence[Example], words: Sequence[str]) -> Task:
    """A task whose splits are the examples in their order."""
    splits, start = {}, 0
    for split in ("train", "validation", "test", "reference"):
        end = start + SIZES[split] if split in SIZES else len(examples)
        splits[split] = Split(f"{name}/{split}", examples[start:end], tokenizer(words))
        start = end
    metrics = {metric.name: metric for metric in (LOGIT_DIFFERENCE, ABOVE_FOIL)}
    return Task(name=name, metrics=metrics, **splits)
