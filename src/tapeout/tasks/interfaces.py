"""Local interfaces of addition: one decision at a time, on pairs alike in everything else."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import TaskError
from ..models import Model
from ._contrasts import Decision, decision_of, decisions_of
from ._draw import CONTRAST, SHARES
from ._example import Example, encode
from ._held_out import is_held_out
from ._pairs import Pair, Pairs
from ._right import answered_right
from ._task import SPLITS, Counts, Split, Task
from .addition import addition_strata

KEY = Pairs().key
"""What stands for a pair, in either order, in the content of addition's examples."""


def decisions(task: Task) -> list[str]:
    """The names of the decisions that an addition task's sums have, see `interfaces`.

    Raises:
        TaskError: it is not an addition task.
    """
    return [decision.name for decision in decisions_of(_digits(task))]


def interfaces(
    model: Model,
    task: Task,
    names: Sequence[str] = (),
    *,
    n: int | Counts | None = None,
    batch_size: int = 64,
) -> dict[str, Task]:
    """A task for each local decision of an addition (paper 1, "The pieces are local").

    Decisions, with columns counted from the ones: `digit-0` and so on, the value of a column;
    `carry-1` and so on, whether a carry goes into a column; `overflow`, whether the first digit is
    the 1 of a longer sum; `length`, whether the sum ends or one more digit follows. The paper names
    these kinds; the definitions are ours.

    An example is a pair of numbers with a partner, and the model writes the whole sum of both.
    Operands differ in one column only and have as many digits; sums agree in all digits but the one
    that tells, carries in all columns but the deciding one. The prompt holds the right answer up to
    that digit, which alone is the answer; the foil is the partner's digit, the counterfactual the
    partner's prompt (under `length` alone its written part is another). So the result's length and
    all lengths in tokens are fixed, but where the length is the decision. Strata: those of
    addition, `step` (which token of the sum is asked, from 0) and `answer`.

    A split's pairs are in no other split of `task`.

    Args:
        model: whose right answers count.
        task: an addition task; its pairs, form and division into splits are taken over.
        names: of the decisions; all by default.
        n: the most examples, see `Counts.of`; as many as `task` has by default. Rare decisions have
            fewer.

    Raises:
        TaskError: `task` is no addition, there is no such decision, the tokenizer writes several
            digits as one token, or a split has no pair that the model answers right.
    """
    digits = _digits(task)
    limits = Counts(**task.config["n"]) if n is None else Counts.of(n)
    maker = _Maker(model, task, batch_size)
    made = {}
    for name in names or decisions(task):
        decision, label = decision_of(name, digits), f"{task.name}:{name}"
        splits = {
            split: maker.split(f"{label}/{split}", decision, split, most)
            for split, most in limits.items()
        }
        about = {"name": "interface", "decision": name, "of": dict(task.config)}
        about["model"] = model.fingerprint.weights
        made[name] = Task(name=label, metrics=CONTRAST, config=about, **splits)
    return made


def _digits(task: Task) -> int:
    if task.config.get("name") != "addition":
        raise TaskError(f"{task.name} is not addition, so it has no decisions about digits")
    return task.config["digits"]


@dataclass
class _Maker:
    """What the splits of all interfaces share."""

    model: Model
    task: Task
    batch_size: int
    pools: dict[str, list[Pair]] = field(init=False)
    owners: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        template = re.escape(self.task.config["template"])
        number = {r"\{a\}": r"(?P<a>\d+)", r"\{b\}": r"(?P<b>\d+)"}
        for name, pattern in number.items():
            template = template.replace(name, pattern)
        self.line = re.compile(rf"(?P<before>(?:.*\D)?){template}", re.DOTALL)
        self.before = self._read(self.task.train[0].prompt)["before"]
        splits = dict(zip(SPLITS, self.task.splits, strict=True))
        self.pools = {name: self._pairs(split) for name, split in splits.items()}
        self.owners = {KEY(p): name for name, pairs in self.pools.items() for p in pairs}
        for worked in re.finditer(template, self.before):  # never asked
            self.owners[KEY((int(worked["a"]), int(worked["b"])))] = ""

    def _read(self, prompt: str) -> Mapping[str, str]:
        found = self.line.fullmatch(prompt)
        assert found is not None
        return found.groupdict()

    def _pairs(self, split: Split) -> list[Pair]:
        """All pairs of a split, counterfactuals too."""
        prompts = [(e.prompt, e.counterfactual) for e in split.examples]
        read = [self._read(text) for both in prompts for text in both if text]
        return list(dict.fromkeys((int(found["a"]), int(found["b"])) for found in read))

    def owner(self, pair: Pair) -> str:
        """To which split a pair belongs; of those that the task did not draw, chance decides."""
        key = KEY(pair)
        if key not in self.owners:
            splits = list(SPLITS)
            if self.task.config.get("held_out"):
                held = is_held_out(key)
                splits = ["validation", "test"] if held else ["train", "reference"]
            rng = random.Random(f"{key}/{self.task.config['seed']}")
            self.owners[key] = rng.choices(splits, [SHARES[split] for split in splits])[0]
        return self.owners[key]

    def split(self, label: str, decision: Decision, split: str, most: int) -> Split:
        rng = random.Random(f"{label}/{self.task.config['seed']}")
        found: list[tuple[Pair, Pair]] = []
        waiting: list[tuple[Pair, Pair]] = []
        matched, pool = 0, self.pools[split]
        for place, pair in enumerate(rng.sample(pool, len(pool)), start=1):
            partners = decision.partners(pair, rng)
            other = next((o for o in partners if self.owner(o) == split), None)
            waiting += [] if other is None else [(pair, other)]
            if len(waiting) == most or place == len(pool):
                matched += len(waiting)
                found += self._both_right(waiting)
                waiting = []
            if len(found) >= most:
                break
        if not found:
            raise TaskError(
                f"{label}: {matched} of {len(pool)} pairs of numbers have a partner, but there is "
                "none where the model answers both right: use a model that adds, more digits, or "
                "more examples (n) in the addition task"
            )
        examples = [self._example(decision, *both) for both in found[:most]]
        return Split(label, examples, self.model.tokenizer)

    def _both_right(self, both: list[tuple[Pair, Pair]]) -> list[tuple[Pair, Pair]]:
        pairs = list(dict.fromkeys(pair for two in both for pair in two))
        if not pairs:
            return []
        whole = [Example(prompt=self._prompt(p), answers=(self._result(p),)) for p in pairs]
        asked = Split("whole sums", whole, self.model.tokenizer)
        right = answered_right(self.model, asked, batch_size=self.batch_size)
        known = {pair for pair, good in zip(pairs, right.tolist(), strict=True) if good}
        return [two for two in both if known.issuperset(two)]

    def _prompt(self, pair: Pair) -> str:
        line = self.task.config["template"]
        return self.before + line.replace("{a}", str(pair[0])).replace("{b}", str(pair[1]))

    def _result(self, pair: Pair) -> str:
        return self.task.config["answer"].replace("{sum}", str(sum(pair)))

    def _example(self, decision: Decision, pair: Pair, other: Pair) -> Example:
        step = decision.step(pair)
        prompt, answer = self._asked(pair, step)
        counterfactual, foil = self._asked(other, step)
        example = Example(
            prompt=prompt,
            answers=(answer,),
            foils=(foil,),
            counterfactual=counterfactual,
            counterfactual_answer=foil,
            strata=addition_strata(pair) | {"step": str(step), "answer": answer.strip() or "end"},
            content=(KEY(pair), KEY(other)),
        )
        self._check(example, pair)
        return example

    def _asked(self, pair: Pair, step: int) -> tuple[str, str]:
        """A prompt with the answer up to a digit, and that digit, or the end behind the last."""
        lead, _, end = self.task.config["answer"].partition("{sum}")
        digits = str(sum(pair))
        answer = digits[step] if step < len(digits) else end
        if step == 0 and not self._apart(lead):
            return self._prompt(pair), lead + answer
        return self._prompt(pair) + lead + digits[:step], answer

    def _apart(self, lead: str) -> bool:
        """Whether what stands before a sum and its first digit are tokens of their own."""
        before, tokenizer = self._prompt((1, 1)) + lead, self.model.tokenizer
        whole, start = list(tokenizer(before + "2").input_ids), list(tokenizer(before).input_ids)
        return whole[: len(start)] == start and len(whole) > len(start)

    def _check(self, example: Example, pair: Pair) -> None:
        """That the example asks for the one token that the whole sum has there."""
        tokenizer = self.model.tokenizer
        whole = list(tokenizer(self._prompt(pair) + self._result(pair)).input_ids)
        try:
            own = encode(tokenizer, example)
            asked = own.prompt + own.answers[0]
            good = len(own.answers[0]) == len(own.foils[0]) == 1 and whole[: len(asked)] == asked
        except TaskError:
            good = False
        if good:
            return
        raise TaskError(
            f"interfaces need a tokenizer that writes single digits, and an end of one token: "
            f"{example.answers[0]!r} or {example.foils[0]!r} after {example.prompt!r} is not one"
        )
