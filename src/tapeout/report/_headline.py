"""What a reader with ten seconds takes home: sentences that the results bear out, nothing else."""

from ._amplified import Gain
from ._decomposed import directions_sentence
from ._evidence import Evidence
from ._html import Html, join, name
from ._results import MODELS, Results, Stage
from ._text import accuracy_words, joined, number, part_words, percent, setting_words, share
from ._values import Share
from ._views import Frontier, Sizes

_SAME_SPEED = 0.03


def headline(results: Results) -> list[Html]:
    """The most that this run has shown so far, in a few sentences."""
    if results.proofs:
        stage, found = results.proofs[0]
        return [_recovered(results, stage, found), _needed(found), *_cut_out(results, stage)]
    if results.frontiers:
        return [_sized(results, *results.frontiers[0]), *_cut_out(results, None)]
    if compared := results.of_kind("directions"):
        return [directions_sentence(compared[0].metrics)]
    if gained := _gained(results):
        return gained
    if results.tasks:
        stage, task = results.tasks[0]
        accuracy = task.worth.accuracy
        right = f" gets {percent(accuracy.value)} of "
        on = f" right (n = {accuracy.n:,}). No circuit has been measured yet."
        return [join(_subject(results, stage), right, name(task.worth.split), on)]
    if results.stages:
        return [Html("No accuracy has been measured yet.")]
    return [Html("No stage of this run has finished yet.")]


def circuit_words(sizes: Sizes) -> str:
    """Such as `12.4% of the MLP channels and attention heads in play`."""
    parts = joined([part_words(part) for part, _ in sizes.parts]) if sizes.parts else "nodes"
    return f"{share(sizes.share)} of the {parts} in play"


def _recovered(results: Results, stage: Stage, found: Evidence) -> Html:
    task, setting = name(found.setting.task), found.setting
    if not found.full.right:
        return join(
            _subject(results, stage),
            " gets none of ",
            name(setting.split),
            f" right (n = {found.n:,}), so there is nothing that a circuit could keep.",
        )
    model = results.model_of(stage)
    where = join("In ", name(model.source), ", ") if model else Html()
    words = circuit_words(found.sizes)
    words = words if model else words[0].upper() + words[1:]
    verb = "keep" if found.relative <= 1 else "reach"
    return join(
        where,
        name(words),
        f" {verb} {percent(found.relative)} of the full model’s accuracy on ",
        task,
        f": {percent(found.autoregressive.value)} against {percent(found.full.value)} ",
        name(setting.criterion if setting.criterion == "exact" else f"by {setting.criterion}"),
        " (",
        name(setting.split_name),
        f" split, n = {found.n:,}, ",
        name(setting_words(setting.replacement, setting.reference)),
        ").",
    )


def _needed(found: Evidence) -> Html:
    left = f"Without them {percent(found.necessity.value)} is left"
    if not found.random:
        return join(f"{left}. No random circuit was run for comparison.")
    row = next(row for row in found.rows() if row.control)
    seeds = "one seed" if len(found.random) == 1 else f"mean of {len(found.random)} seeds"
    return join(
        f"{left}; random circuits with as many nodes in every layer get "
        f"{percent(row.value)} ({seeds})."
    )


def _sized(results: Results, stage: Stage, found: Frontier) -> Html:
    where, setting = _subject(results, stage, "In "), found.setting
    about = join(" (", name(setting.split), f", n = {found.full.n:,}, ", name(setting.words), ")")
    if not found.full.right:
        return join(where, ", the full model gets none right", about, ": nothing can be sized.")
    goal = join(f"{percent(found.bar)} ", name(accuracy_words(setting.criterion)))
    if found.chosen is None:
        return join(where, ": no measured size keeps the target of ", goal, about, ".")
    point = found.chosen
    return join(
        where,
        f": {point.size:,} nodes, {share(point.share)} of those in play, are the smallest size "
        "that keeps the target of ",
        goal,
        f": {percent(point.accuracy.value)} against {percent(found.full.value)} for the full model",
        about,
        ". This is where sizes are chosen, not yet evidence: no circuit has been verified.",
    )


def _cut_out(results: Results, proof: Stage | None) -> list[Html]:
    """What extraction gained, if it is clear that it is of the same circuit."""
    stages = results.speeds or results.extracted
    if not stages:
        return []
    stage = stages[0][0]
    circuit = results.circuit_of(stage)
    proved = proof and results.circuit_of(proof)
    opening = join("Cut out as a model of its own it has ")
    if circuit is None or proved is not circuit:
        opening = join("The model that stage ", name(stage.name), " is about has ")
    if not results.speeds:
        _, cut = results.extracted[0]
        if not cut.full:
            return []
        size = percent(cut.parameters / cut.full)
        return [join(opening, f"{size} of the parameters; its speed was not measured.")]
    full, small = (results.speeds[0][1].model(what) for what in ("full", "extracted"))
    if full is None or small is None or not full.parameters or not full.tokens_per_second:
        return []
    speed = small.tokens_per_second / full.tokens_per_second
    size = percent(small.parameters / full.parameters)
    return [join(opening, f"{size} of the parameters and {_speed_words(speed)}.")]


def _speed_words(speed: float) -> str:
    if abs(speed - 1) <= _SAME_SPEED:
        return f"runs about as fast ({number(speed)} times the tokens per second)"
    if speed > 1:
        return f"runs {number(speed)} times as fast"
    return f"runs slower, at {number(speed)} times the full model’s tokens per second"


def _gained(results: Results) -> list[Html]:
    """What the run's first changed model solves beside its base, and what a random change does."""
    beside = [stage for stage in results.of_kind("solve") if "gain" in stage.metrics]
    if not beside:
        return []
    first = beside[0]
    change = results.input(first, "model", *MODELS)
    base = results.stage(first.inputs.get("against", ""))
    found = _solved(first)
    before = f" against {percent(_solved(base).value)} before" if base else ""
    said = join(
        name(change.name if change else first.name),
        f" solves {percent(found.value)} of ",
        name(first.metrics.text("split")),
        f" (n = {found.n:,}){before}: {_gain(first)} points",
    )
    circuit = change and results.circuit_of(change)
    if not circuit:
        return [join(said, ".")]
    touched = share(circuit.metrics.finite("share"))
    sentences = [join(said, f", by an update of {touched} of the components.")]
    for stage in beside[1:]:
        other = results.input(stage, "model", *MODELS)
        drawn = other and results.circuit_of(other)
        same = stage.inputs.get("against") == first.inputs.get("against")
        if same and drawn and drawn.kind == "random" and results.circuit_of(drawn) is circuit:
            sentences.append(join(f"As many random ones gain {_gain(stage)} points."))
    if len(beside) > len(sentences):
        gains = [
            100 * Gain.of(s.metrics.child("gain").child("by_problem")).points.value for s in beside
        ]
        ends = f"{min(gains):+.1f} to {max(gains):+.1f}".replace("-", "−")
        sentences.append(Html(f"All {len(beside)} changed models gain {ends} points."))
    return sentences


def _solved(stage: Stage) -> Share:
    return Share.of(stage.metrics.child("accuracy"))


def _gain(stage: Stage) -> str:
    return Gain.of(stage.metrics.child("gain").child("by_problem")).cells[0]


def _subject(results: Results, stage: Stage, before: str = "") -> Html:
    model = results.model_of(stage)
    if model:
        return join(before, name(model.source))
    return join(f"{before}the model" if before else "The model")
