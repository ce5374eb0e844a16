"""Prompts and tokens as the page shows them."""

SIGNS = (("\\u000a", "⏎"), ("\\u0009", "⇥"), ("\\u000d", "↵"))


def lines(text: str) -> str:
    """Clean text with signs for new lines and tabs."""
    for hidden, sign in SIGNS:
        text = text.replace(hidden, sign)
    return text
