"""What the models of a run do as they are, in sentences for the top of the page."""

from ._amplified import Gain
from ._html import Html, join, name
from ._results import MODELS, Results, Stage
from ._text import metric_words, model_words, number, percent, share
from ._values import Share
from ._views import Task

_FEW = 3


def subject(results: Results, stage: Stage, before: str = "") -> Html:
    """The model that a stage ran, if there is no doubt."""
    model = results.model_of(stage)
    if model:
        return join(before, name(model_words(model.source)))
    return join(f"{before}the model" if before else "The model")


def gained(results: Results) -> list[Html]:
    """What the run's first changed model solves beside its base, and what a random change does."""
    beside = [stage for stage in results.of_kind("solve") if "gain" in stage.metrics]
    if not beside:
        return []
    first = beside[0]
    change = results.input(first, "model", *MODELS)
    base = results.stage(first.inputs.get("against", ""))
    before = f" against {percent(_accuracy(base).value)} before" if base else ""
    said = join(_solves(results, first), f"{before}: {_gain(first)} points")
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


def solved(results: Results) -> list[Html]:
    """What the run's first model solves, where none is compared with another."""
    return [join(_solves(results, stage), ".") for stage in results.of_kind("solve")[:1]]


def _solves(results: Results, stage: Stage) -> Html:
    model, found = results.input(stage, "model", *MODELS), _accuracy(stage)
    where = join(" (", name(model.name), ")") if model and results.model_of(stage) else Html()
    return join(
        subject(results, stage),
        where,
        f" solves {percent(found.value)} of ",
        name(stage.metrics.text("split")),
        f" (n = {found.n:,})",
    )


def _accuracy(stage: Stage) -> Share:
    return Share.of(stage.metrics.child("accuracy"))


def _gain(stage: Stage) -> str:
    return Gain.of(stage.metrics.child("gain").child("by_problem")).cells[0]


def right(results: Results) -> list[Html]:
    """What one model gets right of the first few tasks that it is asked for."""
    tasks = _asked(results)
    if not tasks:
        return []
    first = tasks[0][0]
    model = results.model_of(first)
    same = [task for stage, task in tasks if results.model_of(stage) is model][:_FEW]
    parts = []
    for place, task in enumerate(same):
        worth = task.worth
        criterion = "" if worth.criterion == "exact" else f", by {metric_words(worth.criterion)}"
        between = " and " if place and place == len(same) - 1 else ", " if place else ""
        of = join(f"{between}{percent(worth.accuracy.value)} of ", name(worth.split))
        parts.append(join(of, " right" if not place else "", f" (n = {worth.accuracy.n:,}"))
        parts.append(join(name(criterion) if criterion else "", ")"))
    return [join(subject(results, first), " gets ", *parts, ".")]


def _asked(results: Results) -> list[tuple[Stage, Task]]:
    """All tasks but those that give only reference examples, or texts to watch."""
    read = {
        stage.name: [
            (other.kind, field)
            for other in results.stages
            for field, own in other.inputs.items()
            if own == stage.name
        ]
        for stage, _ in results.tasks
    }
    found = [
        (stage, task)
        for stage, task in results.tasks
        if not read[stage.name]
        or any(kind != "means" and field == "task" for kind, field in read[stage.name])
    ]
    return found or results.tasks


def trained(results: Results) -> list[Html]:
    """What held-out text costs the first models that the run trained."""
    parts = []
    for place, (stage, found) in enumerate(results.trained[:_FEW]):
        about = f"{number(found.loss)} nats a token" if not place else number(found.loss)
        n = f" (n = {found.validated:,} tokens)" if not place else ""
        nonzero = f", with {share(found.nonzero / found.total)} of its weights nonzero"
        verb = "; that of " if place else "On held-out code the loss of "
        parts.append(join(verb, name(stage.name), f" is {about}{n}{nonzero}"))
    return [join(*parts, ".")] if parts else []
