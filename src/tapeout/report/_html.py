"""Markup from small functions; text is escaped unless it is markup already."""

import html
import math
from collections.abc import Collection, Sequence

_VOID = {"meta", "br", "col"}


class Html(str):
    """Markup that goes into the page as it is."""


def tag(element: str, /, *children: str, **attributes: str | int | float | None) -> Html:
    """An element; children that are not `Html` are text.

    Attribute names lose a trailing underscore and write others as hyphens; one that is None is
    left out. Numbers have two decimals at most.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if element in _VOID:
        return Html(f"<{element}{given}>")
    return Html(f"<{element}{given}>{join(*children)}</{element}>")


def join(*children: str) -> Html:
    """Several pieces as one; those that are not `Html` are text."""
    return Html("".join(c if isinstance(c, Html) else html.escape(c) for c in children))


def name(text: str) -> Html:
    """A name from the results; its writing direction stays its own."""
    return tag("bdi", text)


def isolated(text: str) -> str:
    """A name from the results for places that hold no elements, such as titles."""
    return f"\u2068{text}\u2069"


def code(text: str) -> Html:
    return tag("code", name(text))


def paragraph(*children: str, class_: str | None = None) -> Html:
    return tag("p", *children, class_=class_)


def section(title: str, *children: str) -> Html:
    """A part of the page; nothing if it would be empty."""
    body = join(*children)
    return tag("section", tag("h2", title), body) if body else Html()


def details(summary: str, *children: str) -> Html:
    return tag("details", tag("summary", summary), *children)


def table(
    caption: str,
    head: Sequence[str],
    groups: Sequence[tuple[str | None, Sequence[Sequence[str]]]],
    *,
    label: str,
    words: Collection[int] = (0,),
) -> Html:
    """A table in a box of its own that scrolls; the first cell of a row is its heading.

    Args:
        caption: stands above it.
        head: column headings; empty for none.
        groups: rows, in groups with a heading or None.
        label: what the box is called where it is read aloud.
        words: the columns that hold words and not numbers.
    """
    width = max([len(head)] + [len(row) for _, rows in groups for row in rows])
    parts = [tag("caption", tag("span", caption, class_="stay"))]
    styles = [None if place in words else "n" for place in range(width)]
    if head:
        cells = [tag("th", c, scope="col", class_=s) for c, s in zip(head, styles, strict=False)]
        parts.append(tag("thead", tag("tr", *cells)))
    for title, rows in groups:
        lines = [] if title is None else [_group(title, width)]
        for row in rows:
            first = tag("th", row[0], scope="row", class_=styles[0])
            rest = [tag("td", c, class_=s) for c, s in zip(row[1:], styles[1:], strict=False)]
            lines.append(tag("tr", first, *rest))
        parts.append(tag("tbody", *lines))
    box = {"class_": "scroll", "tabindex": "0", "role": "region", "aria_label": label}
    return tag("div", tag("table", *parts), **box)


def _group(title: str, width: int) -> Html:
    heading = tag("span", title, class_="stay")
    return tag("tr", tag("th", heading, colspan=width, scope="rowgroup"), class_="group")


def facts(pairs: Sequence[tuple[str, str]]) -> Html:
    """A list of terms and what they are."""
    rows = [tag("div", tag("dt", term), tag("dd", what)) for term, what in pairs if what]
    return tag("dl", *rows) if rows else Html()


def _value(value: str | int | float) -> str:
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be drawn")
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
