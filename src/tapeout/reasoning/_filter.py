"""Leaving out of training what a model can do already."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..errors import TaskError, nearest
from ._task import ReasoningTask


def filter_templates(
    task: ReasoningTask, accuracy_by_template: Mapping[str, float], *, below: float = 0.8
) -> ReasoningTask:
    """The task with only those templates in its train split on which the model's mean accuracy is
    below a bound (paper 2, section 4.1). Validation and test stay whole.

    Args:
        accuracy_by_template: the model's, such as `score(...).accuracy_by_template` gives.

    Raises:
        TaskError: the accuracy on a template of the train split is missing, or none is below the
            bound.
    """
    known = task.train.template_ids
    if missing := [name for name in known if name not in accuracy_by_template]:
        raise TaskError(
            f"no accuracy is given for {len(missing)} of the {len(known)} templates of "
            f"{task.train.name}, such as {missing[0]!r}"
        )
    kept = {name for name in known if accuracy_by_template[name] < below}
    if not kept:
        lowest = min(accuracy_by_template[name] for name in known)
        raise TaskError(
            f"the model already solves every template: its lowest accuracy is {lowest:.1%}, not "
            f"below {below:.0%}. Take harder problems (more steps), or raise the bound"
        )
    return with_templates(task, [name for name in known if name in kept])


def with_templates(task: ReasoningTask, kept: Sequence[str]) -> ReasoningTask:
    """The task with only the named templates in its train split.

    Raises:
        TaskError: the split has no problems of one of them.
    """
    known = task.train.template_ids
    for name in kept:
        if name not in known:
            raise TaskError(f"{task.train.name} has no template {name!r}: {nearest(name, known)}")
    rows = [row for row, problem in enumerate(task.train) if problem.template_id in kept]
    train = task.train.subset(rows, f"{len(set(kept))} of {len(known)} templates")
    config = {**task.config, "train_templates": list(kept)}
    return replace(task, train=train, config=config)
