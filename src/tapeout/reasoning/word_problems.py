"""Word problems drawn from templates (docs/word-problems.md)."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import TaskError, nearest
from ._division import as_splits, counts_of
from ._instances import instances
from ._library import STEPS, chosen_templates
from ._problem import Problem
from ._shots import worked_examples
from ._task import ReasoningTask
from ._template import Template
from ._unseen import apart

NAME = "word-problems"


def word_problems(
    *,
    n: int | Mapping[str, int] = 50,
    seed: int = 0,
    steps: Sequence[int] = STEPS,
    templates: str | Path | Sequence[str] | None = None,
    shots: int = 4,
    held_out: float | Sequence[str] = 0.0,
    unseen: bool = False,
) -> ReasoningTask:
    """Word problems of one to four steps with worked solutions, by templates of our own.

    No two problems of a template have the same numbers, so what a split asks for is in no other.

    Args:
        n: instances of each template, divided 52%, 8%, 40% (paper 2: 26, 4, 20 of 50), or how many
            go to `train`, `validation` and `test`.
        seed: another one draws other instances.
        steps: the numbers of steps that problems take.
        templates: None for all built-in ones, their ids, or a YAML file of one's own.
        shots: worked examples in the prompt, of templates that no split has problems of.
        held_out: templates, by id or as a share of those of each number of steps, that only the
            test split has problems of.
        unseen: whether validation and test take only problems that no reasoner is trained on, and
            train only others; see `is_unseen`.

    Raises:
        TaskError: there is no such template or number of steps, a template is malformed or has too
            few instances, or no template is left for training.
    """
    counts, worked = counts_of(n), worked_examples(shots, steps)
    chosen = chosen_templates(templates, steps)
    out = _held_out(chosen, held_out, seed)
    parts: dict[str, list[Problem]] = {part: [] for part in counts}
    for template in chosen:
        drawn = apart(template, counts, seed=seed) if unseen else _drawn(template, counts, seed)
        for part, own in drawn.items():
            if part == "test" or template.template_id not in out:
                parts[part] += own
    config = {
        "name": NAME,
        "n": n if isinstance(n, int) else counts,
        "seed": seed,
        "steps": list(steps),
        "templates": _plain(templates),
        "shots": shots,
        "held_out": sorted(out),
        "unseen": unseen,
    }
    splits = as_splits(NAME, parts)
    return ReasoningTask(
        name=NAME,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        shots=worked,
        config=config,
    )


def _drawn(template: Template, counts: Mapping[str, int], seed: int) -> dict[str, list[Problem]]:
    found = iter(instances(template, sum(counts.values()), seed=seed))
    return {part: [next(found) for _ in range(count)] for part, count in counts.items()}


def _held_out(
    templates: Sequence[Template], held_out: float | Sequence[str], seed: int
) -> set[str]:
    known = [template.template_id for template in templates]
    if not isinstance(held_out, int | float):
        for name in held_out:
            if name not in known:
                raise TaskError(f"held_out: there is no template {name!r}: {nearest(name, known)}")
        out = set(held_out)
    elif 0 <= held_out < 1:
        rng = random.Random(f"{NAME}/held out/{seed}")
        out = set()
        for steps in sorted({template.steps for template in templates}):
            group = [t.template_id for t in templates if t.steps == steps]
            out |= set(rng.sample(group, round(held_out * len(group))))
    else:
        raise TaskError(f"held_out must be a share below 1 or template ids, not {held_out}")
    if len(out) == len(known):
        raise TaskError("held_out leaves no template for training")
    return out


def _plain(templates: str | Path | Sequence[str] | None) -> str | list[str] | None:
    if isinstance(templates, str | Path):
        return str(Path(templates).expanduser().resolve())
    return None if templates is None else list(templates)
