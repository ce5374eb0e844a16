"""What bridges and steering showed, in sentences for the top of the page."""

from ._bridged import WAYS
from ._html import Html, join, name
from ._results import Results
from ._text import joined, number


def crossed(results: Results) -> list[Html]:
    """How much worse than the dense model runs are that go over, and how far a channel moves it."""
    sentences = []
    for _, found in results.bridged[:1]:
        ways = []
        for _, way in WAYS:
            above = [some.above for some in found.crossings if some.way == way]
            if above:
                ways.append(f"{max(above, key=lambda some: some.value)} on the way {way}")
        if ways:
            said = "Loss of runs that go over a bridge, less the dense model’s, at the worst place"
            n = f"nats a token (n = {found.tokens:,} tokens)"
            sentences.append(Html(f"{said}: {joined(ways)}, {n}."))
    for _, found in results.steered[:1]:
        beside = [abs(some.turned.value) for some in found.random]
        most = f"{number(max(beside))} at most" if beside else ""
        control = f"; {len(beside)} random ones move that part by {most}" if beside else ""
        said = join(
            "Steering through ",
            name(found.chosen.channel),
            f" at strength 1 moves the other answer’s probability by {found.chosen.moved} on ",
            name(found.split),
            f" (n = {found.n:,}), and its part of both answers by {found.chosen.turned}{control}.",
        )
        sentences.append(said)
    return sentences
