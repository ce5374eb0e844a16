"""A capability made better: where chains part, what promotes right tokens, what an update did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group

from ._both import Both
from ._fields import Fields
from ._html import Html, section
from ._text import mebibytes, number, percent, share, span
from ._values import Average, Share

KINDS = {"q_heads": "Query heads", "k_heads": "Key heads", "v_heads": "Value heads"}
NEURONS = {"mlp_neurons": "MLP channels"}

Named = Sequence[tuple[str, Fields]]


@dataclass(frozen=True)
class Gain:
    """What a model solves more than another, problem by problem."""

    points: Average
    p: float

    @classmethod
    def of(cls, fields: Fields) -> "Gain":
        return cls(Average.of(fields), fields.finite("p"))

    @property
    def cells(self) -> list[str]:
        low, high, value = (100 * x for x in (self.points.low, self.points.high, self.points.value))
        return [f"{value:+.1f} [{low:+.1f}, {high:+.1f}]".replace("-", "−"), number(self.p)]


def solved(stages: Named) -> Both:
    """What models solve, from `solve` stages."""
    rows = []
    for name, fields in stages:
        found, answered = (Share.of(fields.child(key)) for key in ("accuracy", "answered"))
        bounds = span(found.low, found.high)
        row = [name, fields.text("split"), f"{found.n:,}", percent(found.value), bounds]
        gain = Gain.of(fields.child("gain").child("by_problem")) if "gain" in fields else None
        rows.append([*row, percent(answered.value), *(gain.cells if gain else ["", ""])])
    heads = ["Stage", "Split", "n", "Right", "95% interval", "Answered", "Gain", "p"]
    note = "Right: greedy decoding ends in the right answer, exactly; answered: it states one."
    if any("gain" in fields for _, fields in stages):
        note += (
            " Gain: points against the stage's baseline on the same problems, with a paired "
            "bootstrap interval; p is of McNemar's exact test."
        )
    return Both("Problems solved", heads, rows, note, words=(0, 1), by=1)


def pairs(stages: Named) -> Both:
    """Where chains of reasoning part, from `pivots` stages."""
    counts = ("problems", "greedy_right", "pairs_greedy_right", "pairs_greedy_wrong")
    rows = [
        [name, fields.text("split"), fields.text("method")]
        + [f"{fields.child('counts').whole(key):,}" for key in counts]
        + [f"{fields.whole('n'):,}"]
        for name, fields in stages
    ]
    chains = ("Pairs, greedy right", "Pairs, greedy wrong")
    heads = ["Stage", "Split", "Method", "Problems", "Greedy right", *chains, "Pivots"]
    return Both("Where right and wrong chains part", heads, rows, words=(0, 1, 2), by=1)


def localised(stages: Named) -> Both:
    """The components that promote right tokens, from `localise` stages."""
    kinds = KINDS | NEURONS
    rows = []
    for name, fields in stages:
        evidence = fields.child("evidence")
        counts = [f"{fields.whole(key):,}" if key in fields else "0" for key in kinds]
        rise, chance = (Average.of(evidence.child(key)) for key in ("rise", "over_random"))
        own = [name, *counts, share(fields.finite("share")), number(fields.finite("penalty"))]
        rows.append([*own, str(rise), str(chance), f"{evidence.whole('n'):,}"])
    heads = ["Stage", *kinds.values(), "Share", "λ", "Rise", "Over random", "n"]
    note = (
        "Rise: by how many logits doubling the components raises the desired token over the "
        "undesired one on held-out pairs; over random: by how much more than as many random ones."
    )
    return Both("Components that promote right tokens", heads, rows, note)


def updated(stages: Named, title: str = "Updates") -> Both:
    """What updates chose and changed, from `amplify` stages."""
    rows = []
    for name, fields in stages:
        scores = [percent(fields.finite(key)) for key in ("base_score", "score")]
        row = [name, f"{fields.whole('n'):,}", f"{fields.whole('step'):,}", *scores, *_size(fields)]
        kept = [Average.of_kl(item.child("kl_to_base")) for _, item in fields.named("others")]
        rows.append([*row, "; ".join(map(str, kept))])
    heads = ["Stage", "n", "Step", "Base", "Updated", "Weights", "Delta", "KL on texts"]
    note = (
        "Base and updated: how many of n problems of the validation split are solved, by which the "
        "step and the learning rate were chosen."
    )
    if any(row[-1] for row in rows):
        note += " KL from the base, in nats a token, on held-out texts."
    return Both(title, heads, rows, note)


def tuned(stages: Named) -> Both:
    """The same of tunings, from `tune` stages."""
    return updated(stages, "LoRA on worked solutions")


def benchmarked(stages: Named) -> Both:
    """Public benchmarks, from `harness` stages."""
    rows = []
    for name, fields in stages:
        for row in fields.children("rows"):
            spread = f" ± {number(row.finite('stderr'))}" if "stderr" in row else ""
            cells = [name, row.text("task"), row.text("metric"), f"{row.whole('n'):,}"]
            rows.append([*cells, f"{row.finite('value'):.3f}{spread}", _beside(row)])
    heads = ["Stage", "Benchmark", "Metric", "n", "Value", "Difference from the base"]
    note = (
        "By lm-evaluation-harness, ± its standard error. The difference's 95% interval takes both "
        "errors as independent, so it is wider than one over the same questions."
    )
    return Both("Public benchmarks", heads, rows, note, words=(0, 1, 2))


def _beside(row: Fields) -> str:
    if "difference" not in row:
        return ""
    ends = ("low", "high") if "low" in row else ()
    bounds = ", ".join(f"{row.finite(end):+.3f}" for end in ends)
    found = f"{row.finite('difference'):+.3f}" + (f" [{bounds}]" if ends else "")
    return found.replace("-", "−")


def _size(fields: Fields) -> list[str]:
    if "delta" not in fields:  # a tuning moves every weight of the projections
        return ["", ""]
    delta = fields.child("delta")
    return [share(delta.finite("share")), mebibytes(delta.finite("bytes"))]


AMPLIFIED = {
    "pivots": pairs,
    "localise": localised,
    "amplify": updated,
    "tune": tuned,
    "solve": solved,
    "harness": benchmarked,
}


MEASURED = {"solve", "harness"}
"""They change nothing."""


def amplified_tables(kind: str, stages: Sequence[tuple[str, Mapping[str, Any]]]) -> Group:
    """The table of all stages of one of these kinds, by their names.

    Raises:
        RunError: the metrics are not those of such stages.
    """
    read = [(name, Fields(metrics, f"{kind} metrics {name}")) for name, metrics in stages]
    return Group(AMPLIFIED[kind](read).drawn())


def amplified_section(by_kind: Mapping[str, Named]) -> Html:
    """All of it, in the order in which it is done."""
    shown = {kind: make(by_kind[kind]) for kind, make in AMPLIFIED.items() if by_kind.get(kind)}
    title = "One capability made better"
    if shown and not shown.keys() - MEASURED:
        title = next(iter(shown.values())).title
    return section(title, *(both.html(titled=both.title != title) for both in shown.values()))
