"""What every page shares: one file, one style, no script, nothing fetched."""

import base64
import hashlib
import os
from pathlib import Path

from ..errors import RunError
from ._html import Html, join, paragraph, tag


def shell(title: str, main: Html, foot: str) -> Html:
    """A whole page."""
    body = tag("body", tag("main", main), tag("footer", paragraph(foot)))
    return join(Html("<!doctype html>\n"), tag("html", _head(title), body, lang="en"), "\n")


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


def _head(title: str) -> Html:
    style = Path(__file__).with_name("_style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(style)),
    )
