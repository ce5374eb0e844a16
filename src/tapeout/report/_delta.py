"""What a delta file changes, as tables for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from ._fields import Fields
from ._summary_tables import origin_table
from ._text import clean, joined, part_words, percent

PARTS = {
    "attn.q": "attn.q:head",
    "attn.k": "attn.k:head",
    "attn.v": "attn.v:head",
    "mlp.post_act": "mlp.post_act:channel",
}


def delta_tables(info: Mapping[str, Any]) -> list[RenderableType]:
    """What it changes of which model, how it came about, and its heads and channels by layer.

    Args:
        info: what `Delta.info` gives.

    Raises:
        RunError: it is not that.
    """
    about = Fields(info, "delta")
    counts = about.child("components")
    words = [_counted(counts.whole(s), part_words(p)) for s, p in PARTS.items() if s in counts]
    elsewhere = [clean(name) for name in info["elsewhere"]]
    words += [_counted(len(elsewhere), "other parameters")] if elsewhere else []
    size = f"{percent(about.finite('share'), 2)} of all numbers, {about.whole('bytes'):,} bytes"
    title = f"delta: {joined(words) or 'nothing'}; {size}"
    base = about.child("base")
    facts = {"base": base.text("name"), "weights": base.text("weights")}
    known = "result" in about
    facts["result"] = about.child("result").text("weights") if known else "not known: a combination"
    facts["dtype"] = about.text("dtype")
    tables: list[RenderableType] = [origin_table(title, facts | dict(info["origin"]))]
    if words:
        tables.append(_by_layer(about, info["layers"]))
    if elsewhere:
        rest = Table("other parameters", box=None)
        for name in elsewhere[:20]:
            rest.add_row(name)
        if len(elsewhere) > 20:
            rest.add_row(f"and {len(elsewhere) - 20:,} more")
        tables.append(rest)
    return tables


def _by_layer(about: Fields, layers: list[int]) -> Table:
    """Heads by number, channels by count."""
    heads, channels = about.child("heads"), about.child("channels")
    table = Table("layer", "query heads", "key heads", "value heads", "MLP channels")
    for layer in map(str, layers):
        places = [f"{layer}.{site}" for site in PARTS]
        cells = [
            " ".join(str(int(head)) for head in heads.numbers(place)) if place in heads else ""
            for place in places[:3]
        ]
        table.add_row(layer, *cells, f"{channels.whole(layer):,}" if layer in channels else "")
    return table


def _counted(count: int, words: str) -> str:
    return f"{count:,} {words.removesuffix('s') if count == 1 else words}"
