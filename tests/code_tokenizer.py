"""Tokenizers for Python code, trained once on a few files and on programs of the tasks."""

import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tapeout.sparse import train_tokenizer
from tapeout.tasks.python import programs

FILES = ("argparse", "ast", "configparser", "dataclasses", "inspect", "subprocess", "typing")


def source_texts() -> list[str]:
    library = Path(sysconfig.get_paths()["stdlib"])
    return [(library / f"{name}.py").read_text(encoding="utf-8") for name in FILES]


@cache
def code_tokenizer() -> Any:
    return train_tokenizer([*source_texts(), *programs(4000, split=None)])


@cache
def bytes_only() -> Any:
    """Every byte is a token."""
    return train_tokenizer(["x"], vocabulary=257)


@cache
def gpt_like() -> Any:
    """Another pattern: signs do not take line ends, and words no signs; it has no BOS token."""
    own = Tokenizer(models.BPE())
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=2048, initial_alphabet=alphabet, show_progress=False)
    own.train_from_iterator([*source_texts(), *programs(4000, split=None)], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=own, clean_up_tokenization_spaces=False)
