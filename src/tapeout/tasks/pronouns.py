"""Gendered pronouns: a given name, and whether "he" or "she" goes on."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import TaskError
from ._draw import CONTRAST, assemble, deal, evenly, token_counts
from ._example import Example
from ._task import SPLITS, Counts, Task
from ._words import MEN, WOMEN

TEMPLATES = (
    "So {name} is a really great friend, isn't",  # the published one
    "Back then {name} lived next door, didn't",
    "You know that {name} could win this race, couldn't",
    "In the end {name} found the way home, didn't",
    "Once again {name} forgot the keys, didn't",
    "Surely {name} has a good reason, hasn't",
    "This morning {name} was so tired that",
    "Last night {name} slept badly because",
    "Before the exam {name} said that",
    "As a child {name} loved to sing, and",
)
PRONOUNS = {"female": " she", "male": " he"}
OTHER = {"female": "male", "male": "female"}

Names = Mapping[str, Sequence[str]]


def pronouns(tokenizer: Any, *, n: int | Counts = 300, seed: int = 0) -> Task:
    """Gendered pronouns, as in circuit discovery by node pruning (paper 5), with more templates.

    The answer is the pronoun of the name's gender, the foil the other one; the counterfactual has a
    name of the other gender of as many tokens. The names of one split occur in no other; all splits
    share the 10 templates. Strata: `gender` and `template` (01 to 10; 01 is the published one).

    Args:
        n: examples, see `Counts.of`. Every prompt occurs once, so there are only as many as the
            split's names times the templates.

    Raises:
        TaskError: the tokenizer leaves too few names, or `n` is more than the names make.
    """
    names_of = _divide(tokenizer, random.Random(seed))

    def examples(split: str, count: int, rng: random.Random) -> list[Example]:
        lengths, names = names_of[split]
        cells = [(row, gender) for row in range(len(TEMPLATES)) for gender in PRONOUNS]
        sizes = [len(names[gender]) for _, gender in cells]
        made = []
        for cell, index in evenly(sizes, count, rng, split=f"pronouns/{split}"):
            template, gender = cells[cell]
            name = names[gender][index]
            partners = [w for w in names[OTHER[gender]] if lengths[w] == lengths[name]]
            made.append(_example(template, gender, name, rng.choice(partners)))
        return made

    return assemble(
        "pronouns", tokenizer, examples, counts=Counts.of(n), seed=seed, metrics=CONTRAST
    )


def _divide(tokenizer: Any, rng: random.Random) -> dict[str, tuple[Mapping[str, int], Names]]:
    """For each split its names by gender, and how many tokens each name has.

    Names of one length are divided together, so that each has partners in its own split.
    """
    lengths = token_counts(tokenizer, WOMEN + MEN)
    groups: dict[int, dict[str, list[str]]] = defaultdict(lambda: {gender: [] for gender in OTHER})
    for gender, names in (("female", WOMEN), ("male", MEN)):
        for name in names:
            if name in lengths:
                groups[lengths[name]][gender].append(name)
    usable = [group for group in groups.values() if min(map(len, group.values())) >= len(SPLITS)]
    if not usable:
        most = max((min(map(len, group.values())) for group in groups.values()), default=0)
        raise TaskError(
            f"pronouns needs {len(SPLITS)} names of each gender with the same number of tokens, "
            f"but this tokenizer gives {most} at most"
        )
    divided: dict[str, dict[str, list[str]]] = {s: {g: [] for g in OTHER} for s in SPLITS}
    for group in usable:
        for gender, names in group.items():
            for split, part in deal(names, rng).items():
                divided[split][gender] += part
    return {split: (lengths, names) for split, names in divided.items()}


def _example(template: int, gender: str, name: str, partner: str) -> Example:
    return Example(
        prompt=TEMPLATES[template].format(name=name),
        answers=(PRONOUNS[gender],),
        foils=(PRONOUNS[OTHER[gender]],),
        counterfactual=TEMPLATES[template].format(name=partner),
        counterfactual_answer=PRONOUNS[OTHER[gender]],
        strata={"gender": gender, "template": f"{template + 1:02d}"},
        content=(f"name:{name}", f"name:{partner}"),
    )
