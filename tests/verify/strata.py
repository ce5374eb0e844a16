"""A task of words whose examples belong to groups."""

from dataclasses import replace

from tapeout.tasks import Task

from ..words import word_task


def stratified(task: Task | None = None, *, answer_words: int = 3) -> Task:
    """Every other example is odd, and the first has a group of its own."""
    task = task or word_task(answer_words=answer_words)
    splits = {}
    for split in task.splits:
        examples = []
        for row, example in enumerate(split.examples):
            strata = {"parity": "odd" if row % 2 else "even"}
            if row == 0:
                strata["first"] = "yes"
            examples.append(replace(example, strata=strata))
        splits[split.name.rpartition("/")[2]] = replace(split, examples=examples)
    return replace(task, **splits)
