"""What every page shares: one file, nothing fetched, no script but that of its views."""

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import RunError
from ._html import Html, join, paragraph, tag
from .viewer import App

DATA = "tapeout-data"
"""Where the script finds its data; browsers run no script of that type."""


def shell(title: str, main: Html, foot: str, app: App | None = None) -> Html:
    """A whole page, with interactive views beside it if there are any."""
    parts = [tag("main", main), tag("footer", paragraph(foot))]
    if app:
        parts.append(tag("script", Html(app.data), id=DATA, type="application/octet-stream"))
        parts.append(tag("script", Html(app.script)))
    body = tag("body", *parts)
    return join(Html("<!doctype html>\n"), tag("html", _head(title, app), body, lang="en"), "\n")


def write_page(path: Path, page: Html) -> Path:
    """Write a page that is never seen half-written.

    Raises:
        RunError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(page.encode("utf-8", "replace"))
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RunError(
            f"cannot write {path}: {error.strerror}. Make the folder writable, or copy the run"
        ) from error
    return path


def _head(title: str, app: App | None) -> Html:
    styles = [Path(__file__).with_name("_style.css").read_text(encoding="utf-8")]
    scripts: list[str] = []
    if app:
        styles.append(app.style)
        scripts.append(app.script)
    rules = ["default-src 'none'", f"style-src {_digests(styles)}"]
    rules += [f"script-src {_digests(scripts)}"] if scripts else []
    policy = "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        *(tag("style", Html(style)) for style in styles),
    )


def _digests(texts: Sequence[str]) -> str:
    found = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in found)
