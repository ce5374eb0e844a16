"""Which questions about digits no base is trained on."""

import hashlib

HELD_OUT = 0.2
"""The part of all number pairs, and of all digit texts, that is held out."""


def is_held_out(key: str) -> bool:
    """Whether a question's content is held out: decided by its hash alone, so for good.

    Bases are trained on the rest, and tasks with `held_out=True` take their validation and test
    questions from here, so no base has seen these, whatever either one's seed is.

    Args:
        key: what the question is about, such as `pair:27+48`.
    """
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:8], "big") < HELD_OUT * 2**64
