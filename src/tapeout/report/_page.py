"""The page: put together and written beside the results."""

import base64
import hashlib
import os
from pathlib import Path

from ..errors import RunError
from ._caveats import caveats
from ._facts import method_section, other_section, task_section
from ._headline import headline
from ._html import Html, isolated, join, name, paragraph, tag
from ._results import Results, read_results
from ._sections import evidence_section, frontier_section, sizes_section, speed_section


def write_report(run: str | Path) -> Path:
    """Write `report.html` beside the `results.json` of a run, and return its path.

    The page stands alone: no script, nothing fetched, and the same results give the same bytes.
    Runs that have only some of their stages so far give a shorter page.

    Args:
        run: the run's folder.

    Raises:
        RunError: there are no results, they are damaged, or the page cannot be written.
    """
    run = Path(run)
    page = _page(read_results(run), again=(run / "recipe.json").is_file())
    path = run / "report.html"
    partial = path.with_name(f".report.html.{os.getpid()}.partial")
    try:
        partial.write_bytes(page.encode("utf-8", "replace"))
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RunError(
            f"cannot write {path}: {error.strerror}. Make the folder writable, or copy the run"
        ) from error
    return path


def _page(results: Results, *, again: bool) -> Html:
    body = tag("body", tag("main", _top(results), *_sections(results, again)), _foot())
    return join(Html("<!doctype html>\n"), tag("html", _head(results), body, lang="en"), "\n")


def _sections(results: Results, again: bool) -> list[Html]:
    return [
        frontier_section(results),
        evidence_section(results),
        sizes_section(results),
        speed_section(results),
        task_section(results),
        method_section(results, again),
        other_section(results),
    ]


def _head(results: Results) -> Html:
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
        tag("title", f"{isolated(results.recipe)} – Tapeout report"),
        tag("style", Html(style)),
    )


def _top(results: Results) -> Html:
    sentences = join(*(join(" " if place else "", s) for place, s in enumerate(headline(results))))
    more = len(results.proofs) - 1
    verifications = "verification is" if more == 1 else "verifications are"
    rest = f" {more} more {verifications} under Evidence." if more > 0 else ""
    warnings = caveats(results)
    notes = tag("ul", *(tag("li", w) for w in warnings), class_="caveats") if warnings else Html()
    return tag(
        "header",
        paragraph("Tapeout report", class_="kicker"),
        tag("h1", name(results.recipe)),
        paragraph(sentences, rest, class_="headline"),
        notes,
    )


def _foot() -> Html:
    return tag(
        "footer", paragraph("Every number is from results.json, which lies beside this page.")
    )
