"""The errors that a user can meet; each message says what was found and what to do about it."""

import difflib
from collections.abc import Iterable


class TapeoutError(Exception):
    """Base of every error that Tapeout raises on purpose."""


class ModelError(TapeoutError):
    """A model cannot be found, read, or mapped to sites."""


class TaskError(TapeoutError):
    """A task's data does not fit the model or the question that is asked of it."""


class CircuitError(TapeoutError):
    """A circuit is malformed, or does not fit the model that it is applied to."""


class InterventionError(TapeoutError):
    """A replacement cannot be carried out as asked."""


class ReshapeError(TapeoutError):
    """A model cannot be changed as asked, or a change does not fit the model."""


class GenerationError(TapeoutError):
    """Text cannot be written as asked."""


class AmplifyError(TapeoutError):
    """A capability cannot be amplified as asked, or an edit does not fit the model."""


class DecomposeError(TapeoutError):
    """Gradients cannot be taken or decomposed as asked, or directions do not fit them."""


class CorpusError(TapeoutError):
    """Training text cannot be found, tokenised, or read back."""


class RecipeError(TapeoutError):
    """A recipe has an unknown key, a missing stage, or a value of the wrong kind."""


class RunError(TapeoutError):
    """A run's folder cannot be written or read."""


def nearest(word: str, known: Iterable[str]) -> str:
    """For the end of an error message: ``did you mean 'ioi'?`` and the known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(known)}."
