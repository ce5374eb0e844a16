from typing import Any

import pytest
from transformers import AutoTokenizer

import tapeout
from tapeout.models import alias_folder

from . import toy_tokenizers as toys


@pytest.fixture(scope="session")
def single_digits() -> Any:
    return toys.toy(toys.SINGLE_DIGITS)


@pytest.fixture(scope="session")
def two_digits() -> Any:
    return toys.toy(toys.TWO_DIGITS)


@pytest.fixture(scope="session")
def smollm2() -> Any:
    """Its tokenizer only; tests that use it carry the mark smollm2."""
    if not alias_folder("smollm2").is_dir():
        tapeout.load("smollm2")
    return AutoTokenizer.from_pretrained(alias_folder("smollm2"))
