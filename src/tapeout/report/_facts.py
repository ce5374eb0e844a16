"""What was run: task, model, method, stages."""

from ._amplified import AMPLIFIED
from ._given import given
from ._html import Html, code, details, facts, isolated, join, name, paragraph, section, table, tag
from ._problems import problems_facts
from ._results import MODELS, Results, Stage
from ._text import (
    accuracy_words,
    metric_words,
    model_words,
    percent,
    seconds,
    setting_words,
    span,
    universe_words,
)
from ._views import Task

FEW = 2
"""So many models are described one by one; more are a table."""

_KNOWN = {
    "condition",
    "load",
    "task",
    "problems",
    "means",
    "find",
    "mask",
    "frontier",
    "select",
    "circuit",
    "verify",
    "extract",
    "measure",
    "smallest",
    "train",
    "transfer",
    "compose",
    "route",
    "weight_edges",
    "mean_size",
    "checks",
    "activations",
    "decompose",
    "directions",
    "energy",
    "coverage",
    "span",
    "toy",
    "bridge",
    "steer",
    "random",
    "squeeze",
    *AMPLIFIED,
}


def task_section(results: Results) -> Html:
    """Models and tasks."""
    defined = _definitions(results)
    names = [task.name for _, task in results.tasks]
    tasks = [
        _task(task, defined, stage.name if names.count(task.name) > 1 else "", _of(results, stage))
        for stage, task in results.tasks
    ]
    problems = problems_facts(results.of_kind("problems"))
    return section("Task and model", *_models(results), *tasks, *problems)


def _models(results: Results) -> list[Html]:
    head = ["Model", "Family", "Layers", "Parameters", "Weights"]
    rows = [
        [
            name(model_words(model.source)),
            name(model.family),
            f"{model.layers:,}",
            f"{model.parameters:,}",
            code(model.weights),
        ]
        for _, model in results.models
    ]
    if len(rows) == 1:
        return [facts(list(zip(head, rows[0], strict=True)))]
    named = zip(results.models, rows, strict=True)
    lines = [[name(stage.name), *row] for (stage, _), row in named]
    head = ["Stage", *head]
    if len(rows) <= FEW:
        return [facts(list(zip(head, line, strict=True))) for line in lines]
    return [table("Models", head, [(None, lines)], label="Models", words=(0, 1, 2, 5))]


def _of(results: Results, stage: Stage) -> Html:
    """Whose answers a task's are, where there are several models."""
    model = results.input(stage, "model", *MODELS) if len(results.models) > 1 else None
    return join("the model of stage ", name(model.name)) if model else Html("the full model")


def _task(task: Task, defined: dict[str, str], stage: str, model: Html) -> Html:
    """One task; `stage` tells it from others of its name."""
    sizes = ", ".join(f"{split} {count:,}" for split, count in task.sizes)
    own = [("Stage", name(stage))] if stage else []
    about = facts(
        [
            ("Task", name(task.name)),
            *own,
            ("Examples", name(sizes)),
            ("Settings", given(task.config)),
        ]
    )
    worth, accuracy = task.worth, task.worth.accuracy
    exact = f"{percent(accuracy.value)} [{span(accuracy.low, accuracy.high)}]"
    counts = f"{accuracy.right:,}/{accuracy.n:,}"
    right = name(f"{defined.get(worth.criterion, '')} ({counts})")
    rows: list[list[str]] = [[name(accuracy_words(worth.criterion)), exact, right]]
    rows += [
        [name(metric_words(title)), average.as_metric(title), name(defined.get(title, ""))]
        for title, average in worth.metrics
    ]
    which = join(" (", name(stage), ")") if stage else Html()
    n = f", n = {accuracy.n:,}; 95% intervals."
    caption = join("How well ", model, " does on ", name(worth.split), which, n)
    head = ["Metric", "Full model", "Definition"]
    label = f"Full model on {isolated(task.name)}"
    return join(about, table(caption, head, [(None, rows)], label=label, words=(0, 2)))


def _definitions(results: Results) -> dict[str, str]:
    """What each metric measures, from wherever the results say it."""
    found: dict[str, str] = {}
    for stage in results.of_kind("find"):
        if "metric" in stage.metrics:
            metric = stage.metrics.child("metric")
            found[metric.text("name", "")] = metric.text("definition", "")
    for _, task in results.tasks:
        found |= task.definitions
    return found


def method_section(results: Results, again: bool) -> Html:
    """Methods, stages, and how to run it again.

    Args:
        again: `recipe.json` lies beside the page.
    """
    if not results.stages:
        return Html()
    methods = [
        _method(stage)
        for kind in ("find", "edges", "mask", "sweep", "energy")
        for stage in results.of_kind(kind)
    ]
    means = [
        facts(
            [
                (
                    "Means",
                    name(setting_words("mean", m.text("reference", ""), m.text("positions", ""))),
                )
            ]
        )
        for m in (stage.metrics for stage in results.of_kind("means"))
    ]
    rows = [
        [name(stage.name), name(stage.kind), code(stage.key), seconds(stage.seconds)]
        for stage in results.stages
    ]
    total = sum(stage.seconds for stage in results.stages)
    caption = f"Stages in the recipe’s order; their times add up to {seconds(total)}."
    head = ["Stage", "Kind", "Key", "Time"]
    stages = table(caption, head, [(None, rows)], label="Stages", words=(0, 1, 2))
    rest = stages, *_machines(results), _settings(results), _again(again)
    return section("How it was made", *methods, *means, *rest)


def _machines(results: Results) -> list[Html]:
    """What the stages ran on, each machine or number of threads once, and which where several."""
    ran: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for stage in results.stages:
        if stage.machine:
            ran.setdefault(tuple(stage.machine), []).append(stage.name)
    several = len(ran) > 1
    return [
        facts(
            [
                ("Ran on", given(list(machine))),
                ("Stages", name(", ".join(stages)) if several else ""),
            ]
        )
        for machine, stages in ran.items()
    ]


def _method(stage: Stage) -> Html:
    found = stage.metrics
    metric = found.child("metric") if "metric" in found else None
    words = (
        join(name(metric_words(metric.text("name", ""))), ": ", name(metric.text("definition", "")))
        if metric
        else ""
    )
    n = f", n = {found.whole('n'):,}" if "n" in found else ""
    split = join(name(found.text("split")), n) if "split" in found else ""
    sizes = [f", {found.whole(unit):,} {unit}" for unit in ("nodes", "edges") if unit in found]
    parts = universe_words(found.text("universe", ""))
    universe = join(name(parts), *([] if parts == "edges" else sizes[:1])) if parts else ""
    method = name(found.text("method", ""))
    return facts(
        [
            ("Scores", name(stage.name)),
            ("Method", method),
            ("Metric", words),
            ("Found on", split),
            ("Universe", universe),
        ]
    )


def _settings(results: Results) -> Html:
    lists = [
        (stage, [("input " + key, value) for key, value in stage.inputs.items()] + stage.settings)
        for stage in results.stages
    ]
    groups = [
        (tag("b", name(stage.name)), [[code(key), code(value)] for key, value in pairs])
        for stage, pairs in lists
        if pairs
    ]
    if not groups:
        return Html()
    return details(
        "Settings", table("Settings of every stage.", [], groups, label="Settings", words=(0, 1))
    )


def _again(again: bool) -> Html:
    if not again:
        return Html()
    return paragraph(
        "To run it again: ",
        tag("code", "tapeout run recipe.json --out NEW_FOLDER"),
        ", with the recipe.json that lies beside this page.",
    )


def other_section(results: Results) -> Html:
    """Numbers of stages that this report has no view for."""
    groups = [
        (
            join(tag("b", name(stage.name)), " (", name(stage.kind), ")"),
            [[code(key), code(value)] for key, value in stage.metrics.leaves()],
        )
        for stage in results.stages
        if stage.kind not in _KNOWN
    ]
    if not groups:
        return Html()
    numbers = table("As the stages reported them.", [], groups, label="Other results", words=(0, 1))
    return section("Other results", details("Numbers", numbers))
