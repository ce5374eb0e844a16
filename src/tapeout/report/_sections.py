"""The figures and tables of evidence, in the order in which the page shows them."""

from collections.abc import Callable
from typing import Any

from ._chart import Mark, frontier_chart
from ._evidence import Evidence, Row
from ._headline import circuit_words
from ._html import Html, details, isolated, join, name, paragraph, section, table, tag
from ._measures import MEASURES
from ._results import MODELS, Results, Stage
from ._strips import whisker
from ._text import (
    accuracy_words,
    mebibytes,
    metric_words,
    percent,
    ratio,
    share,
    span,
)
from ._views import Frontier, Measured, Speed

MOST_MARKS = 6
"""Circuits that are named in the chart; the names of more would cover it."""


def frontier_section(results: Results) -> Html:
    """Accuracy over circuit size."""
    if not results.frontiers:
        return Html()
    series = [(stage.name, found) for stage, found in results.frontiers]
    measured = {_measured(results, *frontier) for frontier in results.frontiers}
    marks = _marks(results)
    more = len(marks) - MOST_MARKS
    off = any(mark.series is None for mark in marks[:MOST_MARKS])
    caption = join(
        "Accuracy of the top-scored circuits of rising size (",
        name("; ".join(sorted(measured))),
        "); whiskers are 95% Wilson intervals. The size to select is the smallest from which on "
        "every measured size keeps the target.",
        " A circuit whose line has no ring is on no curve: only its size is shown." if off else "",
        f" {more:,} more circuits are not marked." if more > 0 else "",
    )
    figure = tag("figure", frontier_chart(series, marks[:MOST_MARKS]), tag("figcaption", caption))
    tables = [_frontier_table(title, found) for title, found in series]
    return section("Accuracy over circuit size", figure, details("All points", *tables))


def _measured(results: Results, stage: Stage, found: Frontier) -> str:
    """On what, and of which model where there are several."""
    model = results.input(stage, "model", *MODELS) if len(results.models) > 1 else None
    whose = f"model {model.name}, " if model else ""
    return f"{whose}{found.setting.split}, n = {found.full.n:,}, {found.setting.where}"


def _marks(results: Results) -> list[Mark]:
    """The circuits of the models whose curves are drawn; those that are points of one first."""
    marks = []
    drawn = [results.input(item, "model", *MODELS) for item, _ in results.frontiers]
    for stage, sizes in results.circuits:
        measured = results.input(stage, "frontier", "frontier")
        model = results.input(stage, "model", *MODELS)
        if model is not None and model not in drawn:
            continue
        fits = [
            place
            for place, (item, found) in enumerate(results.frontiers)
            if (measured is None or item is measured)
            and (model is None or drawn[place] is model)
            and any(point.size == sizes.size for point in found.points)
        ]
        series = fits[0] if len(fits) == 1 else None
        marks.append(Mark(stage.name, sizes.size, sizes.share, series))
    return sorted(marks, key=lambda mark: mark.series is None)


def _frontier_table(title: str, found: Frontier) -> Html:
    rows = [
        [
            f"{point.size:,}",
            share(point.share),
            percent(point.accuracy.value),
            span(point.accuracy.low, point.accuracy.high),
            f"{point.accuracy.right:,}/{point.accuracy.n:,}",
            "smallest that keeps the target" if point.size == found.smallest else "",
        ]
        for point in found.points
    ]
    full = found.full
    bounds, counts = span(full.low, full.high), f"{full.right:,}/{full.n:,}"
    rows.append(["full model", "", percent(full.value), bounds, counts, ""])
    setting = found.setting
    caption = join(name(title), ": ", name(setting.words), ", ", name(setting.split))
    target = f"; target {percent(found.bar)} ({found.target_words})"
    head = ["Nodes", "Share", "Exact", "95% interval", "Right", "Note"]
    label = f"Points of {isolated(title)}"
    return table(join(caption, target), head, [(None, rows)], label=label, words=(5,))


def evidence_section(results: Results) -> Html:
    """The circuit beside its controls."""
    if not results.proofs:
        return Html()
    head = [
        "Model",
        tag("span", "0 to 100%", class_="beside-dots"),
        "Accuracy",
        "95% interval",
        "Right",
    ]
    groups = [
        (_proof_title(results, stage, found), [_evidence_row(row, found) for row in found.rows()])
        for stage, found in results.proofs
    ]
    caption = join(
        "When an answer counts as right is named with each circuit and defined under Task and "
        "model. Intervals are 95% Wilson. Random circuits keep as many nodes in every layer, "
        "or edges into it; theirs is the mean over seeds and the range.",
        tag("span", " The vertical line is the full model.", class_="beside-dots"),
    )
    main = table(caption, head, groups, label="Evidence", words=(0, 1))
    return section("Evidence", main, _metric_table(results.proofs))


def _proof_title(results: Results, stage: Stage, found: Evidence) -> Html:
    setting, circuit = found.setting, results.circuit_of(stage)
    model = results.input(stage, "model", *MODELS)
    several = len({own.inputs.get("model") for own, _ in results.proofs}) > 1
    subject = [tag("b", name(stage.name))]
    if circuit and not stage.name.startswith(f"{circuit.name}."):  # comparisons name both alike
        subject.append(join(" of ", name(circuit.name)))
    if model and several:
        subject.append(join(" in ", name(model.name)))
    return join(
        *subject,
        ": ",
        name(setting.split),
        f", n = {found.n:,}, ",
        name(accuracy_words(setting.criterion)),
        ", ",
        name(setting.words),
        f"; circuit of {found.sizes.words}, ",
        name(circuit_words(found.sizes)),
    )


def _evidence_row(row: Row, found: Evidence) -> list[str]:
    drawing = whisker(row, found.full.value)
    label = join(row.label, " ", tag("small", name(row.note))) if row.note else row.label
    return [label, drawing, percent(row.value), row.bounds, row.counts]


def _metric_table(proofs: list[tuple[Stage, Evidence]]) -> Html:
    several = len(proofs) > 1
    groups = []
    for stage, found in proofs:
        rows: list[list[str]] = [["KL from the full model, nats", "–", str(found.kl)]]
        rows += [
            [name(metric_words(title)), full.as_metric(title), own.as_metric(title)]
            for title, full, own in found.metrics
        ]
        rows += [[name(title), "–", own] for title, own in found.calibrated]
        groups.append((tag("b", name(stage.name)) if several else None, rows))
    caption = "Means with 95% intervals, full model and circuit on the same examples."
    return table(caption, ["Metric", "Full model", "Circuit"], groups, label="Metrics")


def speed_section(results: Results) -> Html:
    """What cutting the circuit out gains."""
    parts = []
    for stage, cut in results.extracted:
        gain = f" ({percent(cut.parameters / cut.full)})" if cut.full else ""
        words = f": {cut.parameters:,} of {cut.full:,} parameters{gain}, "
        file = f" replacement, {mebibytes(cut.file_bytes)} on disk."
        about = join(name(cut.layout.replace("_", "-")), " layout, ", name(cut.replacement), file)
        parts.append(paragraph(tag("b", name(stage.name)), words, about))
    parts += [_speed_table(stage, speed) for stage, speed in results.speeds]
    return section("The circuit as a model of its own", *parts)


def _speed_table(stage: Stage, speed: Speed) -> Html:
    full = speed.model("full")
    rows = [
        [words, *(cell for model in speed.models for cell in _costs(model, field, written, full))]
        for words, field, written in MEASURES
    ]
    caption = join(
        name(stage.name),
        f": {speed.rows:,} prompts of {speed.length:,} tokens as one batch, the extracted model ",
        "in a process of its own; × is the ratio to the full model.",
    )
    head = ["Measure"]
    for model in speed.models:
        head += [name(model.what.capitalize()), *([] if model is full else ["×"])]
    label = f"Speed, {isolated(stage.name)}"
    main = table(caption, head, [(None, rows)], label=label)
    return join(main, paragraph(name(speed.timing)), paragraph(speed.agreement))


def _costs(
    model: Measured, field: str, written: Callable[[Any], str], full: Measured | None
) -> list[str]:
    """A value and, but for the full model, its ratio to the full model's."""
    value = getattr(model, field)
    if model is full:
        return [written(value)]
    return [written(value), tag("small", ratio(value, getattr(full, field)) if full else "")]
