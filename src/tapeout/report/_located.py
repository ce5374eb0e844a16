"""Where circuits lie: how much of every part and layer they keep."""

from ._html import Html, code, details, isolated, join, name, paragraph, section, table, tag
from ._results import Results, Stage
from ._strips import layer_bars
from ._summary_part import summary_part
from ._text import capital, number, part_words, share
from ._values import Average
from ._views import Sizes

FEW = 3
"""So many circuits are drawn one below the other; more are a table, whose drawings unfold."""


def sizes_section(results: Results) -> Html:
    """How much of every layer the selected circuits keep."""
    circuits = results.circuits
    if len(circuits) > FEW:
        drawings = [details(name(stage.name), _drawing(stage, sizes)) for stage, sizes in circuits]
        return section("Where the circuits lie", _overview(circuits), *drawings)
    several = len(circuits) > 1
    parts = [
        join(tag("h3", name(stage.name)) if several else Html(), _drawing(stage, sizes))
        for stage, sizes in circuits
    ]
    return section(f"Where the {'circuits lie' if several else 'circuit lies'}", *parts)


def _overview(circuits: list[tuple[Stage, Sizes]]) -> Html:
    """A line a circuit: what it keeps of every part that any of them has."""
    parts = list(dict.fromkeys(part for _, sizes in circuits for part, _ in sizes.parts))
    parts = [part for part in parts if part != "edges"]  # of those the size says it
    plain = all(sizes.unit == "nodes" for _, sizes in circuits)
    rows = []
    for stage, sizes in circuits:
        kept = dict(sizes.parts)
        own = [f"{kept[part].kept:,}" if part in kept else "–" for part in parts]
        size = f"{sizes.size:,}" if plain else sizes.words
        rows.append([name(stage.name), size, share(sizes.share), *own])
    titles = [name(capital(part_words(part))) for part in parts]
    head = ["Circuit", "Nodes" if plain else "Size", "Share", *titles]
    caption = (
        "What every circuit keeps, – where its universe has no such part; layer by layer, and what "
        "it was selected by, below."
    )
    return table(caption, head, [(None, rows)], label="Circuits")


def _drawing(stage: Stage, sizes: Sizes) -> Html:
    drawn = ", drawn at random" if stage.kind == "random" else ""
    whole = f"{sizes.words}, {share(sizes.share)} of the universe{drawn}.{_selected_by(stage)}"
    return join(paragraph(name(whole)), *_part_figures(sizes), summary_part(stage))


def _selected_by(stage: Stage) -> str:
    """The loss that it had to reach, and what it came to on the split that it was selected on."""
    if "loss" not in stage.metrics:
        return ""
    found = stage.metrics.child("loss")
    own = Average.of(found.child("loss"))
    return (
        f" The smallest size found whose loss ({found.text('objective')}) is at most "
        f"{number(found.finite('bar'))}: {own} on {found.text('split')}, n = {found.whole('n'):,}."
    )


def _part_figures(sizes: Sizes) -> list[Html]:
    figures = []
    for part, total in sizes.parts:
        words, layers = part_words(part), sizes.layers.get(part, [])
        label = tag("b", name(capital(words)))
        about = join(label, " ", code(part), f" {total}, {share(total.share)}")
        if not layers:
            figures.append(paragraph(about))
            continue
        rows = [
            [str(layer), f"{kept.kept:,}", f"{kept.total:,}", share(kept.share)]
            for layer, kept in layers
        ]
        numbers = table(
            join(name(words), ", layer by layer"),
            ["Layer", "Kept", "Of", "Share"],
            [(None, rows)],
            label=f"Layers of {isolated(words)}",
        )
        caption = tag("figcaption", about)
        figure = tag("figure", caption, layer_bars(words, layers))
        figures.append(join(figure, details("Numbers", numbers)))
    return figures
