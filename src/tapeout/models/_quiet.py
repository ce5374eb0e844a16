"""Keeping transformers from printing: a library is silent."""

import logging as python_logging
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging

CONFIG_LOGGER = "transformers.integrations.heterogeneity.configuration_utils"


@contextmanager
def quiet() -> Iterator[None]:
    """Inside the block transformers draws no bars, and does not warn of per-layer configs.

    That warning is for code that would misread such a config; Tapeout builds every layer from its
    own entry.
    """
    on = logging.is_progress_bar_enabled()
    logger = python_logging.getLogger(CONFIG_LOGGER)
    logging.disable_progress_bar()
    logger.addFilter(_not_about_globals)
    try:
        yield
    finally:
        logger.removeFilter(_not_about_globals)
        if on:
            logging.enable_progress_bar()


def _not_about_globals(record: python_logging.LogRecord) -> bool:
    return "Reading global config value" not in record.getMessage()
