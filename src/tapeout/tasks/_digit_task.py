"""From an operation on digits to a task."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..errors import TaskError
from ._draw import assemble
from ._example import Example
from ._matching import Signature, deal_items, matched
from ._metrics import LOG_LIKELIHOOD
from ._operands import Item
from ._operation import Form, Operation
from ._sides import Sizes
from ._start import document_start
from ._task import Counts, Task


@dataclass(frozen=True)
class DigitTask:
    """Builds the task of an operation on digits; the answer has several tokens and an end.

    The end is part of the answer, so that for greedy decoding what is right under teacher forcing
    is right in free generation. The counterfactual asks about other operands of the split with
    another answer, of as many digits (in each operand and in the answer) and as many tokens; of
    these one whose answer differs at every place, or at as many as can be. Operands, in either
    order where they are two, counterfactual or not, occur in one split only and are asked about
    once.
    """

    operation: Operation

    def __call__(
        self,
        tokenizer: Any,
        *,
        digits: int | None = None,
        shortest: int = 1,
        n: int | Counts = 400,
        seed: int = 0,
        shots: int = 0,
        template: str | None = None,
        answer: str | None = None,
        start: str | None = None,
        held_out: bool = False,
    ) -> Task:
        """Build it.

        Args:
            digits: most digits of an operand; None is the operation's default.
            shortest: fewest digits of an operand; a number of 1 digit may be 0.
            shots: worked examples before each question, the same for all.
            template: the question, with the operands' fields ({a} and {b}, or {text}); the answer
                follows without a space. None is the operation's own.
            answer: the answer, with {result} (for addition {sum}) and an end.
            start: what every prompt begins with. The first position is exempt from replacement, so
                it must not tell an operand. By default nothing if there are shots or the tokenizer
                adds its BOS token by itself; else the BOS token, or a newline where there is none.
            held_out: validation and test ask only what no base is trained on, train and reference
                (and shots) only the rest; see `tasks.is_held_out`.

        Raises:
            TaskError: `n` is more than there are operands, some have no partner in their split, or
                template, answer or sizes do not make sense.
        """
        own, counts, rng = self.operation, Counts.of(n), random.Random(seed)
        sizes = Sizes(
            digits=own.digits if digits is None else digits,
            shortest=shortest,
            shots=shots,
            held_out=held_out,
        )
        if start is None:
            start = "" if shots else document_start(tokenizer)
        bare = Form(
            operation=own,
            template=own.template if template is None else template,
            answer=own.answer if answer is None else answer,
        )
        worked, sides = sizes.draw(own.operands, counts, rng)
        before = start + "".join(bare.prompt(item) + bare.result(item) for item in worked)
        form = replace(bare, before=before)
        signatures = _signatures(tokenizer, form, [item for side, _ in sides for item in side])
        pools: dict[str, list[Item]] = {}
        for side, wanted in sides:
            pools |= deal_items(side, signatures, own.solve, wanted, rng)

        def examples(split: str, count: int, rng: random.Random) -> list[Example]:
            name = f"{own.name}/{split}"
            both = matched(pools[split], signatures, own.solve, count, rng, split=name)
            return [_example(form, item, partner) for item, partner in both]

        return assemble(
            own.name,
            tokenizer,
            examples,
            counts=counts,
            seed=seed,
            metrics={LOG_LIKELIHOOD.name: LOG_LIKELIHOOD},
            template=form.template,
            answer=form.answer,
            start=start,
            **asdict(sizes),
        )


def _signatures(tokenizer: Any, form: Form, items: Sequence[Item]) -> dict[Item, Signature]:
    """What a question and its counterfactual must share: digits, and tokens.

    Raises:
        TaskError: the tokenizer writes the end of a question and the start of its answer as one.
    """
    prompts = [form.prompt(item) for item in items]
    asked = tokenizer(prompts).input_ids
    answered = tokenizer(
        [text + form.result(item) for text, item in zip(prompts, items, strict=True)]
    ).input_ids
    for item, question, whole in zip(items, asked, answered, strict=True):
        if list(whole[: len(question)]) != list(question):
            raise TaskError(
                f"{form.result(item)!r} does not start at a token boundary after "
                f"{form.prompt(item)!r}: end the template without a space, and start the answer "
                f"with one (answer={' ' + form.answer.lstrip()!r})"
            )
    own = form.operation
    return {
        item: (*own.lengths(item), len(own.solve(item)), len(question), len(whole))
        for item, question, whole in zip(items, asked, answered, strict=True)
    }


def _example(form: Form, item: Item, partner: Item) -> Example:
    own = form.operation
    return Example(
        prompt=form.prompt(item),
        answers=(form.result(item),),
        counterfactual=form.prompt(partner),
        counterfactual_answer=form.result(partner),
        strata=own.strata(item),
        content=(own.operands.key(item), own.operands.key(partner)),
    )
