"""A word task whose answer has several tokens, and each of its tokens as an interface."""

from dataclasses import replace

from tapeout.models import Model
from tapeout.tasks import LOGIT_DIFFERENCE, Split, Task

from ...tiny import Sizes
from ...words import learnable, word_model, word_task

SPEC = "attn.z:head, mlp.post_act"


def case(words: int = 3) -> tuple[Model, Task, dict[str, Task]]:
    model = word_model(sizes=Sizes(layers=2))
    task = learnable(word_task(answer_words=words), model)
    halves = {name: _in_two(split) for name, split in zip(NAMES, task.splits, strict=True)}
    task = replace(task, **halves)
    return model, task, {f"token-{step}": at(task, step) for step in range(words)}


NAMES = ("train", "validation", "test", "reference")


def _in_two(split: Split) -> Split:
    """The same examples, in two regimes."""
    examples = [
        replace(example, strata={"carry": "one" if row % 3 else "none"})
        for row, example in enumerate(split.examples)
    ]
    return replace(split, examples=examples)


def at(task: Task, step: int) -> Task:
    """The task that asks for one token of the answer, after the right ones before it."""
    return Task(
        name=f"{task.name}:token-{step}",
        metrics={LOGIT_DIFFERENCE.name: LOGIT_DIFFERENCE},
        config={"decision": f"token-{step}"},
        **{name: _at(split, step) for name, split in zip(NAMES, task.splits, strict=True)},
    )


def _at(split: Split, step: int) -> Split:
    examples = []
    for example in split.examples:
        own, other = example.answers[0].split(), (example.counterfactual_answer or "").split()
        foil = other[step] if other[step] != own[step] else f"w{3 + (int(own[step][1:]) - 2) % 50}"
        examples.append(
            replace(
                example,
                prompt=" ".join([example.prompt, *own[:step]]),
                answers=(f" {own[step]}",),
                foils=(f" {foil}",),
                counterfactual=" ".join([example.counterfactual or "", *other[:step]]),
                counterfactual_answer=f" {other[step]}",
                strata={"step": str(step)},
            )
        )
    return Split(f"{split.name}:{step}", examples, split.tokenizer)
