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
    if model := named(results, stage, "" if before else "The"):
        return join(before, model)
    return join(f"{before}the model" if before else "The model")


def named(results: Results, stage: Stage, article: str = "") -> Html | None:
    """The model that a stage ran by its source, and by its stage where that is of several.

    Args:
        results: of the run.
        stage: what ran it.
        article: that a model without a name of its own gets; `the` by default.
    """
    model = results.model_of(stage)
    if model is None:
        return None
    alike = [item.name for item, other in results.models if other.source == model.source]
    own = results.input(stage, "model", *MODELS)
    beside = join(" (", name(own.name), ")") if own and len(alike) > 1 else Html()
    words = model_words(model.source)
    if words.endswith(" transformer"):
        words = f"{article or 'the'} {words}"
    return join(name(words), beside)


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
    if not change or not circuit:
        return [join(said, ".")]
    touched = share(circuit.metrics.finite("share"))
    if is_as_before(results, first):
        why = ", since no step of its update did better on validation: it is its base."
        return [join(said, why)]
    sentences = [join(said, f", by an update of {touched} of the components.")]
    random = [stage for stage in beside[1:] if _is_random(results, stage)]
    if len(random) == 1:
        sentences.append(Html(f"Updates of as many random ones gain {_gain(random[0])} points."))
    elif random:
        times = f"in {len(random)} draws"
        sentences.append(Html(f"Updates of random components gain {_ends(random)} points {times}."))
    if others := [stage for stage in beside[1:] if stage not in random]:
        gain = "model gains" if len(others) == 1 else "models gain"
        count = f"{len(others)} " if len(others) > 1 else ""
        sentences.append(Html(f"The {count}other changed {gain} {_ends(others)} points."))
    return sentences


def is_as_before(results: Results, stage: Stage) -> bool:
    """Whether the update of the model that a stage ran chose to change nothing."""
    model = results.input(stage, "model", *MODELS)
    return model is not None and "step" in model.metrics and not model.metrics.whole("step")


def _is_random(results: Results, stage: Stage) -> bool:
    """Whether a stage solves problems with a model of which random components were changed."""
    circuit = changed(results, stage)
    return circuit is not None and circuit.kind == "random"


def changed(results: Results, stage: Stage) -> Stage | None:
    """Where the components come from that were changed in the model that a stage ran."""
    model = results.input(stage, "model", *MODELS)
    return model and results.circuit_of(model)


def _ends(stages: list[Stage]) -> str:
    gains = [100 * gain_of(stage).points.value for stage in stages]
    low, high = (f"{gain:+.1f}".replace("-", "−") for gain in (min(gains), max(gains)))
    return low if low == high else f"{low} to {high}"


def solved(results: Results) -> list[Html]:
    """What the run's first model solves, where none is compared with another."""
    return [join(_solves(results, stage), ".") for stage in results.of_kind("solve")[:1]]


def _solves(results: Results, stage: Stage) -> Html:
    found = _accuracy(stage)
    return join(
        subject(results, stage),
        f" solves {percent(found.value)} of ",
        name(stage.metrics.text("split")),
        f" (n = {found.n:,})",
    )


def _accuracy(stage: Stage) -> Share:
    return Share.of(stage.metrics.child("accuracy"))


def _gain(stage: Stage) -> str:
    return gain_of(stage).cells[0]


def gain_of(stage: Stage) -> Gain:
    """What the model that a stage ran solves more than its baseline, on the same problems."""
    return Gain.of(stage.metrics.child("gain").child("by_problem"))


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
    more = len(results.trained) - _FEW
    rest = f"; {more} more {'is' if more == 1 else 'are'} under Trained models" if more > 0 else ""
    return [join(*parts, f"{rest}.")] if parts else []
