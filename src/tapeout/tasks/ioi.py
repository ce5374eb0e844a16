"""Indirect object identification: two names, one of them said twice; the answer is the other."""

import random
from typing import Any

from ..errors import TaskError, nearest
from ._draw import CONTRAST, assemble, deal, evenly, token_counts, unpack
from ._example import Example
from ._task import SPLITS, Counts, Task
from ._words import MEN, OBJECTS, PLACES, WOMEN

TEMPLATES = (
    "When {first} and {second} met at the {place}, {subject} handed a {object} to",
    "After {first} and {second} had lunch near the {place}, {subject} handed the {object} to",
    "Yesterday {first} and {second} walked to the {place} together. At the end {subject} gave "
    "a {object} to",
    "Last week {first} and {second} worked at the {place}, and {subject} handed a {object} to",
    "On the way to the {place}, {first} and {second} found a {object}. Then {subject} handed it to",
    "There were two people at the {place}, {first} and {second}. Then {subject} gave a {object} to",
    "Since {first} and {second} are friends from the {place}, {subject} will give a {object} to",
    "At the {place}, {first} and {second} sat down on a bench. Then {subject} gave a {object} to",
    "Two friends, {first} and {second}, ran into each other at the {place}. There {subject} gave "
    "a {object} to",
    "Whenever {first} and {second} see each other at the {place}, {subject} gives a {object} to",
    "Earlier, {first} and {second} bought a {object} at the {place}. Later {subject} gave it to",
    "If {first} and {second} get to the {place} in time, {subject} will hand a {object} to",
    "Every day {first} and {second} talk at the {place}. Today {subject} will lend a {object} to",
    "Near the {place}, {first} and {second} were looking at a {object}. Then {subject} handed it "
    "to",
    "Although {first} and {second} had an argument at the {place}, {subject} still gave "
    "a {object} to",
)
ORDERS = ("ABBA", "BABA")
"""How the names follow each other, A being the answer; the last A is what the model is to write."""

NAMES_PER_EXAMPLE = 5
COUNTERFACTUALS = ("abc", "s2_io_flip")


def ioi(
    tokenizer: Any, *, n: int | Counts = 400, seed: int = 0, counterfactual: str = "abc"
) -> Task:
    """Indirect object identification (Wang et al. 2022), with sentences of our own.

    The answer is the name that the sentence has said once, the foil is the name that it repeats.
    The counterfactual has the same length. `abc` puts three other names into the three places, so
    that there is no right answer (Wang et al.); `s2_io_flip` repeats the other of the two names, so
    that answer and foil change places (MIB, Mueller et al. 2025). Names, places and objects of one
    split occur in no other; all splits share the 15 templates. Strata: `template` (01 to 15) and
    `order` (ABBA, BABA).

    Args:
        tokenizer: names that it does not write as one token are not used.
        n: examples, see `Counts.of`.
        counterfactual: `abc` or `s2_io_flip`.

    Raises:
        TaskError: there is no such counterfactual, fewer than 20 of the names are single tokens, or
            `n` is more than the names make.
    """
    if counterfactual not in COUNTERFACTUALS:
        raise TaskError(
            f"ioi has no counterfactual {counterfactual!r}: "
            f"{nearest(counterfactual, COUNTERFACTUALS)}"
        )
    names = [name for name, count in token_counts(tokenizer, WOMEN + MEN).items() if count == 1]
    needed = NAMES_PER_EXAMPLE * len(SPLITS)
    if len(names) < needed:
        raise TaskError(
            f"ioi needs {needed} names that are single tokens (five for each of four splits), but "
            f"this tokenizer has {len(names)} of the {len(WOMEN + MEN)} known"
        )
    rng = random.Random(seed)
    names_of = deal(names, rng, least=NAMES_PER_EXAMPLE)
    places_of, objects_of = deal(PLACES, rng), deal(OBJECTS, rng)

    def examples(split: str, count: int, rng: random.Random) -> list[Example]:
        words = names_of[split], places_of[split], objects_of[split]
        bases = len(words[0]), len(words[0]) - 1, len(words[1]), len(words[2])
        most = bases[0] * bases[1] * bases[2] * bases[3]
        cells = [(row, order) for row in range(len(TEMPLATES)) for order in ORDERS]
        return [
            _example(*cells[cell], unpack(index, *bases), *words, rng, counterfactual)
            for cell, index in evenly([most] * len(cells), count, rng, split=f"ioi/{split}")
        ]

    return assemble(
        "ioi",
        tokenizer,
        examples,
        counts=Counts.of(n),
        seed=seed,
        metrics=CONTRAST,
        counterfactual=counterfactual,
    )


def _example(
    template: int,
    order: str,
    chosen: list[int],
    names: list[str],
    places: list[str],
    objects: list[str],
    rng: random.Random,
    counterfactual: str,
) -> Example:
    answer = names[chosen[0]]
    others = [name for name in names if name != answer]
    subject = others.pop(chosen[1])
    fresh = rng.sample(others, 3)
    scene = {"place": places[chosen[2]], "object": objects[chosen[3]]}
    pair = [answer, subject] if order == "ABBA" else [subject, answer]
    return Example(
        prompt=_sentence(template, [*pair, subject], scene),
        answers=(f" {answer}",),
        foils=(f" {subject}",),
        counterfactual=_sentence(
            template, fresh if counterfactual == "abc" else [*pair, answer], scene
        ),
        strata={"template": f"{template + 1:02d}", "order": order},
        content=(
            *(f"name:{name}" for name in (answer, subject, *fresh)),
            *(f"{kind}:{word}" for kind, word in scene.items()),
        ),
    )


def _sentence(template: int, names: list[str], scene: dict[str, str]) -> str:
    first, second, subject = names
    return TEMPLATES[template].format(first=first, second=second, subject=subject, **scene)
