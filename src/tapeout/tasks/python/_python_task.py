"""From pairs of programs to a task."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress, islice
from typing import Any

from ...errors import TaskError
from .._criterion import FOIL
from .._draw import CONTRAST, assemble
from .._example import Example
from .._start import document_start
from .._task import Counts, Task
from ._question import Flaw, Question, ask
from ._template import SIDES, Draw, Template, Words
from ._words import EVERY_WORD, WORDS_OF

CHUNKS = (4, 64)
"""Draws that are tokenised at once: at first, and at most."""
PATIENCE = 60
"""So many draws in a row without a usable one, and a template is given up for this tokenizer."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Whether a tokenizer lets a task be asked.

    Attributes:
        task: its name.
        usable: how many of its templates can be asked.
        templates: how many it has.
        answers: the two answers of a pair; none if no template can be asked.
        why: what is in the way of the first template that cannot be asked; empty if none is.
    """

    task: str
    usable: int
    templates: int
    answers: tuple[str, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class PythonTask:
    """Builds one of the twenty tasks on Python code of paper 3 (arXiv 2511.13653, Table 1).

    Each asks for one of two next tokens. The paper's programs are not public, so these are our own;
    as there, the programs of a pair differ in what decides and in little else, and have as many
    tokens up to the question. Examples come in pairs: each is the other's counterfactual, and its
    answer the other's foil; so both answers are right equally often.

    Which tokens the answers are depends on the tokenizer, see `_question`. Templates that it does
    not let be asked, and names whose answer is cut, are left out. Most programs could go on in a
    third way too (after `def f(a=None, b` a comma is as good as a default), so what counts is the
    right token against the foil (section 2.2 of the paper: forced to choose between two); the
    criterion `exact` can be had by `counted_by`.

    Attributes:
        name: as in the paper.
        about: one line.
        templates: pairs of programs with slots for names.
    """

    name: str
    about: str
    templates: tuple[Template, ...]

    def __call__(self, tokenizer: Any, *, n: int | Counts = 400, seed: int = 0) -> Task:
        """Build it.

        No two splits share a name, and which split has which does not depend on the seed. Prompts
        begin with the tokenizer's BOS token, or with a line end where it has none. Strata:
        `template` (01 and so on) and `side` (first, second).

        Args:
            n: examples, see `Counts.of`.

        Raises:
            TaskError: this tokenizer lets no template be asked (the message has the tokens), or `n`
                is more than the names make.
        """
        tried = self._sources(tokenizer, EVERY_WORD, random.Random(self.name))
        usable = [next(source.questions(), None) is not None for source in tried]
        if not any(usable):
            raise TaskError(f"{self.name} cannot be asked of this tokenizer: {tried[0].why}")

        def examples(split: str, count: int, rng: random.Random) -> list[Example]:
            sources = self._sources(tokenizer, WORDS_OF[split], rng)
            made = list(_in_turn(list(compress(sources, usable)), count))
            if len(made) < count:
                raise TaskError(
                    f"{self.name}/{split} can have {len(made)} different prompts with this "
                    f"tokenizer, not {count}: ask for fewer (n)"
                )
            return made

        return assemble(
            self.name,
            tokenizer,
            examples,
            counts=Counts.of(n),
            seed=seed,
            metrics=CONTRAST,
            criterion=FOIL,
        )

    def fit(self, tokenizer: Any) -> Fit:
        """Which of the templates a tokenizer lets be asked, and what is in the way of the rest."""
        tried = self._sources(tokenizer, EVERY_WORD, random.Random(self.name))
        asked = [next(source.questions(), None) for source in tried]
        found = [question.answers for _, question in filter(None, asked)]
        flaws = [source.why for source, first in zip(tried, asked, strict=True) if first is None]
        return Fit(
            task=self.name,
            usable=len(found),
            templates=len(self.templates),
            answers=found[0] if found else (),
            why=flaws[0] if flaws else "",
        )

    def _sources(self, tokenizer: Any, words: Words, rng: random.Random) -> "list[_Source]":
        start, seen = document_start(tokenizer), set()
        return [
            _Source(
                template=template,
                label=f"{place:02d}",
                tokenizer=tokenizer,
                start=start,
                words=words,
                rng=random.Random(rng.getrandbits(64)),
                seen=seen,
            )
            for place, template in enumerate(self.templates, start=1)
        ]


@dataclass(kw_only=True)
class _Source:
    """The questions of a template with the names of a split, in random order, none of `seen`."""

    template: Template
    label: str
    tokenizer: Any
    start: str
    words: Words
    rng: random.Random
    seen: set[str]
    why: str = ""

    def questions(self) -> Iterator[tuple[Draw, Question]]:
        """Until no new one comes up; `why` then says what the last one's flaw was."""
        idle, (many, most) = 0, CHUNKS
        while idle < PATIENCE:
            draws = [self.template.draw(self.words, self.rng) for _ in range(many)]
            many = min(2 * many, most)
            asked = ask(self.tokenizer, [draw.pair for draw in draws], self.start)
            for draw, question in zip(draws, asked, strict=True):
                if isinstance(question, Flaw):
                    self.why = question.why
                elif self.seen.isdisjoint(question.prompts):
                    self.seen.update(question.prompts)
                    idle = 0
                    yield draw, question
                    continue
                idle += 1

    def examples(self) -> Iterator[Example]:
        """Both examples of a pair, one after the other."""
        for draw, question in self.questions():
            content = tuple(f"name:{name}" for name in draw.names)
            for own, other in ((0, 1), (1, 0)):
                yield Example(
                    prompt=question.prompts[own],
                    answers=(question.answers[own],),
                    foils=(question.answers[other],),
                    counterfactual=question.prompts[other],
                    counterfactual_answer=question.answers[other],
                    strata={"template": self.label, "side": SIDES[own]},
                    content=content,
                )


def _in_turn(sources: list[_Source], count: int) -> Iterator[Example]:
    """Pairs from each source in turn, so that templates have equal shares as far as they can."""
    running = [source.examples() for source in sources]
    left = count
    while left and running:
        for examples in list(running):
            pair = list(islice(examples, min(2, left)))
            if not pair:
                running.remove(examples)
            left -= len(pair)
            yield from pair
            if not left:
                return
