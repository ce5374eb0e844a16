"""What a reader with ten seconds takes home: sentences that the results bear out, nothing else."""

from ._bridge_sentences import crossed
from ._decomposed import directions_sentence
from ._evidence import Evidence
from ._html import Html, join, name
from ._model_sentences import gained, named, right, solved, subject, trained
from ._results import MODELS, Results, Stage
from ._smallest import smallest_sentences
from ._text import (
    accuracy_words,
    joined,
    metric_words,
    number,
    part_words,
    percent,
    setting_words,
    share,
)
from ._toys import toys_sentence
from ._views import Frontier, Measured, Sizes

_SAME_SPEED = 0.03
_FEW = 3


def headline(results: Results) -> list[Html]:
    """The most that this run has shown so far, in a few sentences."""
    if results.proofs:
        stage, found = results.proofs[0]
        return [_recovered(results, stage, found), _needed(found), *_cut_out(results, stage)]
    if results.frontiers:
        return [_sized(results, *results.frontiers[0]), *_cut_out(results, None)]
    if compared := results.of_kind("directions"):
        return [directions_sentence(compared[0].metrics)]
    if toys := results.of_kind("toy"):
        return [toys_sentence([(stage.name, stage.metrics) for stage in toys])]
    if models := gained(results) or solved(results):
        return models
    if results.smallest:
        found = [(_measured(results, stage), found) for stage, found in results.smallest]
        return smallest_sentences(found)
    if between := crossed(results):
        return [*between, *trained(results)]
    if alone := right(results):
        circuits = results.transfers or results.composed or results.routed
        return [*alone, *([] if circuits else [Html("No circuit has been measured yet.")])]
    if losses := trained(results):
        return losses
    if results.stages:
        return [Html("No accuracy has been measured yet.")]
    return [Html("No stage of this run has finished yet.")]


def _measured(results: Results, stage: Stage) -> str:
    """The stage whose model another stage measured; itself where there is doubt."""
    model = results.input(stage, "model", *MODELS)
    return model.name if model else stage.name


def circuit_words(sizes: Sizes) -> str:
    """Such as `12.4% of the MLP channels and attention heads in play`."""
    counted = [part_words(part) for part, _ in sizes.parts] if sizes.unit == "nodes" else []
    if len(counted) > _FEW:
        counted = [f"nodes of {len(counted)} kinds"]
    return f"{share(sizes.share)} of the {joined(counted or [sizes.unit])} in play"


def _recovered(results: Results, stage: Stage, found: Evidence) -> Html:
    task, setting = name(found.setting.task), found.setting
    if not found.full.right:
        return join(
            subject(results, stage),
            " gets none of ",
            name(setting.split),
            f" right (n = {found.n:,}), so there is nothing that a circuit could keep.",
        )
    model = named(results, stage)
    where = join("In ", model, ", ") if model else Html()
    words = circuit_words(found.sizes)
    words = words if model else words[0].upper() + words[1:]
    verb, exact = "keep" if found.relative <= 1 else "reach", setting.criterion == "exact"
    return join(
        where,
        name(words),
        f" {verb} {percent(found.relative)} of the full model’s accuracy on ",
        task,
        f": {percent(found.autoregressive.value)} against {percent(found.full.value)} ",
        name("exact" if exact else f"by {metric_words(setting.criterion)}"),
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
    return join(f"{left}; random circuits {found.sizes.alike} get {percent(row.value)} ({seeds}).")


def _sized(results: Results, stage: Stage, found: Frontier) -> Html:
    where, setting = subject(results, stage, "In "), found.setting
    if len(results.frontiers) > 1:
        where = join("By ", name(stage.name), subject(results, stage, ", in "))
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
    size = percent(small.parameters / full.parameters)
    return [join(opening, f"{size} of the parameters and {_speed_words(full, small)}.")]


def _speed_words(full: Measured, small: Measured) -> str:
    speed = small.tokens_per_second / full.tokens_per_second
    if abs(speed - 1) <= _SAME_SPEED:
        return f"runs about as fast ({number(speed)} times the tokens per second)"
    slower, faster = (small, full) if speed < 1 else (full, small)
    if slower.quartiles[1] >= faster.quartiles[0]:
        return (
            f"had {number(speed)} times the full model’s tokens per second, though the quartiles "
            "of their timings overlap"
        )
    if speed > 1:
        return f"runs {number(speed)} times as fast"
    return f"runs slower, at {number(speed)} times the full model’s tokens per second"
