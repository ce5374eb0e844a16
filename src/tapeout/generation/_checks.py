"""What cannot be asked of a model, said before it runs."""

from collections.abc import Sequence

from ..errors import GenerationError
from ..models import Model


def check_prefix(model: Model, ids: Sequence[int]) -> None:
    """
    Raises:
        GenerationError: the prefix is empty, too long, or holds a token the model does not have.
    """
    if not ids:
        raise GenerationError("the prefix has no tokens: leave it out instead")
    _check_vocabulary(model, "the prefix", ids)
    _check_length(model, "the prefix and a token behind it", len(ids) + 1)


def check_rows(
    model: Model, rows: Sequence[Sequence[int]], before: int, written: int, batch_size: int
) -> None:
    """
    Args:
        before: tokens of the prefix.
        written: tokens that will be run behind each row.

    Raises:
        GenerationError: a row is empty, too long, or holds a token that the model does not have;
            or there are no rows in a batch.
    """
    if batch_size < 1:
        raise GenerationError(f"a batch needs at least one row, not {batch_size}")
    for place, row in enumerate(rows):
        if not len(row):
            raise GenerationError(
                f"prompt {place} has no tokens: each needs at least one of its own, also behind a "
                "prefix; give it the tokenizer's first token, or the prefix's last"
            )
        _check_vocabulary(model, f"prompt {place}", row)
    if rows:
        longest = max(map(len, rows))
        what = f"{before} tokens of prefix, {longest} of prompt and {written} written"
        _check_length(model, what, before + longest + written)


def _check_vocabulary(model: Model, what: str, ids: Sequence[int]) -> None:
    size = model.hf.config.vocab_size
    if min(ids) < 0 or max(ids) >= size:
        wrong = next(token for token in ids if not 0 <= token < size)
        raise GenerationError(
            f"{what} holds token {wrong}, but {model.name} has {size}: was it written by another "
            "tokenizer?"
        )


def _check_length(model: Model, what: str, tokens: int) -> None:
    most = getattr(model.hf.config, "max_position_embeddings", None)
    if most is not None and tokens > most:
        raise GenerationError(
            f"{what} make {tokens} tokens, but {model.name} has {most} positions: shorten the "
            "prefix or lower the limit"
        )
