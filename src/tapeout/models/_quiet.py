"""Keeping transformers from drawing progress bars: a library does not print."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging


@contextmanager
def no_bars() -> Iterator[None]:
    """Inside the block transformers draws none; afterwards as before."""
    on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if on:
            logging.enable_progress_bar()
