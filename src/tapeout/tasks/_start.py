"""What the prompts of a task begin with."""

from typing import Any


def document_start(tokenizer: Any) -> str:
    """What a text without anything before it starts with.

    The first position is exempt from replacement, so a prompt should start with what tells nothing:
    the BOS token, or a line end where there is none; or nothing where the tokenizer adds its BOS
    token by itself.
    """
    bos = getattr(tokenizer, "bos_token", None)
    if bos is None:
        return "\n"
    adds_it = list(tokenizer("0").input_ids)[:1] == [tokenizer.bos_token_id]
    return "" if adds_it else bos
