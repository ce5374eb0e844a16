"""Addition of two numbers; the answer has several tokens and an end."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import TaskError
from ._carries import carry_regime, overflows
from ._draw import assemble
from ._example import Example
from ._metrics import LOG_LIKELIHOOD
from ._pairs import Pair, Signature, deal_pairs, draw_pairs, matched
from ._task import Counts, Task


@dataclass(frozen=True, kw_only=True)
class Form:
    """How an addition is written.

    Attributes:
        before: what every prompt starts with: worked examples, if any.
    """

    template: str
    answer: str
    before: str = ""

    def prompt(self, pair: Pair) -> str:
        line = self.template.replace("{a}", str(pair[0])).replace("{b}", str(pair[1]))
        return self.before + line

    def result(self, pair: Pair) -> str:
        return self.answer.replace("{sum}", str(sum(pair)))


def addition(
    tokenizer: Any,
    *,
    digits: int = 2,
    shortest: int = 1,
    n: int | Counts = 400,
    seed: int = 0,
    shots: int = 0,
    template: str = "{a}+{b}=",
    answer: str = "{sum}\n",
    start: str | None = None,
) -> Task:
    """Addition of two numbers (paper 1): `48+27=` and then `75` and a newline.

    The end is part of the answer, so that for greedy decoding what is right under teacher forcing
    is right in free generation. The counterfactual is another pair of the split with as many digits
    in each operand and in the sum, and as many tokens; of these one whose answer differs in every
    digit, or in as many as can be (the leading 1 of an overflow cannot). A pair of numbers, in
    either order, counterfactual or not, occurs in one split only and is asked once. Strata: `carry`
    (see `carry_regime`), `length` (digits of the sum), `overflow` (yes, no).

    Args:
        digits: most digits of an operand; operands are drawn evenly up to 10**digits - 1.
        shortest: fewest digits of an operand; 1 includes the number 0.
        shots: worked examples before each question, the same for all.
        template: the question, with {a} and {b}; the answer follows without a space.
        answer: the answer, with {sum} and an end.
        start: what every prompt begins with. The first position is exempt from replacement, so it
            must not tell an operand. By default nothing if there are shots or the tokenizer adds
            its BOS token by itself; else the BOS token, or a newline where there is none.

    Raises:
        TaskError: `n` is more than there are pairs, some pairs have no partner in their split, or
            template, answer or sizes do not make sense.
    """
    _check(digits, shortest, shots, template, answer)
    if start is None:
        start = "" if shots else _default_start(tokenizer)
    counts, rng = Counts.of(n), random.Random(seed)
    worked, pairs = draw_pairs(digits, shortest, shots, counts, rng)
    line = Form(template=template, answer=answer)
    before = start + "".join(line.prompt(pair) + line.result(pair) for pair in worked)
    form = Form(template=template, answer=answer, before=before)
    signatures = _signatures(tokenizer, form, pairs)
    pools = deal_pairs(pairs, signatures, counts, rng)

    def examples(split: str, count: int, rng: random.Random) -> list[Example]:
        both = matched(pools[split], signatures, count, rng, split=f"addition/{split}")
        return [_example(form, pair, partner) for pair, partner in both]

    return assemble(
        "addition",
        tokenizer,
        examples,
        counts=counts,
        seed=seed,
        metrics={LOG_LIKELIHOOD.name: LOG_LIKELIHOOD},
        digits=digits,
        shortest=shortest,
        shots=shots,
        template=template,
        answer=answer,
        start=start,
    )


def _check(digits: int, shortest: int, shots: int, template: str, answer: str) -> None:
    if not 1 <= shortest <= digits:
        raise TaskError(f"operands cannot have {shortest} to {digits} digits")
    if shots < 0:
        raise TaskError(f"there cannot be {shots} shots")
    if template.count("{a}") != 1 or template.count("{b}") != 1:
        raise TaskError(f"the template must hold {{a}} and {{b}} once each, not {template!r}")
    if answer.count("{sum}") != 1:
        raise TaskError(f"the answer must hold {{sum}} once, not {answer!r}")
    if answer.endswith("{sum}"):
        raise TaskError(
            f"the answer {answer!r} has no end: add one, such as a newline, or else a number that "
            "goes on would count as right"
        )


def _default_start(tokenizer: Any) -> str:
    bos = getattr(tokenizer, "bos_token", None)
    if bos is None:
        return "\n"
    adds_it = list(tokenizer("0").input_ids)[:1] == [tokenizer.bos_token_id]
    return "" if adds_it else bos


def _signatures(tokenizer: Any, form: Form, pairs: Sequence[Pair]) -> dict[Pair, Signature]:
    """What a pair and its counterfactual must share: digits of operands and sum, and tokens."""
    prompts = [form.prompt(pair) for pair in pairs]
    asked = tokenizer(prompts).input_ids
    answered = tokenizer(
        [text + form.result(pair) for text, pair in zip(prompts, pairs, strict=True)]
    ).input_ids
    return {
        (a, b): (len(str(a)), len(str(b)), len(str(a + b)), len(question), len(whole))
        for (a, b), question, whole in zip(pairs, asked, answered, strict=True)
    }


def _example(form: Form, pair: Pair, partner: Pair) -> Example:
    return Example(
        prompt=form.prompt(pair),
        answers=(form.result(pair),),
        counterfactual=form.prompt(partner),
        counterfactual_answer=form.result(partner),
        strata={
            "carry": carry_regime(*pair),
            "length": str(len(str(sum(pair)))),
            "overflow": "yes" if overflows(*pair) else "no",
        },
        content=(_key(pair), _key(partner)),
    )


def _key(pair: Pair) -> str:
    return f"pair:{min(pair)}+{max(pair)}"
