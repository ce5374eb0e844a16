"""A task that tiny random models solve about half of the time: end on an even number."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tokenizers import Regex, Tokenizer, decoders
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from tapeout.models import Model
from tapeout.reasoning import Problem, ProblemSplit, ReasoningTask

from ..tiny import VOCAB, Sizes, tiny_hf


def tokenizer() -> Any:
    """Most tokens are numbers; some are the two halves of the stop `\\nQ:`, in many copies."""
    stop = {0: "\n", 1: "Q:"}
    words = {f"{stop.get(i % 6, f' {i}.')}<{i}>": i for i in range(VOCAB)}
    plain = Tokenizer(WordLevel(words, unk_token="\n<0>"))
    plain.decoder = decoders.Sequence([decoders.Replace(Regex("<[0-9]+>"), ""), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="\n<60>")


def model(family: str = "llama", sizes: Sizes | None = None) -> Model:
    return Model(tiny_hf(family, sizes), tokenizer(), name="parity")


@dataclass(frozen=True, kw_only=True, eq=False)
class Parity(ReasoningTask):
    """Right is what ends on a number of the problem's parity."""

    def prefix_ids(self, tokenizer: Any) -> list[int]:
        return [3, 9, 14, 20] if self.shots else []

    def prompt_ids(self, tokenizer: Any, problem: Problem) -> list[int]:
        number = problem.instance_id
        return [2 + number % 50, 4 + number // 50, 33][: 2 + number % 2]

    def is_right(self, text: str, problem: Problem) -> bool:
        numbers = re.findall(r"\d+", self.solution_of(text))
        return bool(numbers) and int(numbers[-1]) % 2 == problem.answer

    def is_stated(self, text: str) -> bool:
        return bool(re.search(r"\d", self.solution_of(text)))


def task(n: int = 12, *, shots: bool = True, kind: type[Parity] = Parity) -> Parity:
    def problem(number: int) -> Problem:
        return Problem(
            question=f"{number}?",
            solution=f"{number}.",
            answer=Fraction(0),
            template_id=f"of {number % 3}",
            instance_id=number,
            steps=1,
        )

    rows = [tuple(map(problem, range(start, start + n))) for start in range(0, 3 * n, n)]
    names = ("train", "validation", "test")
    splits = {
        name: ProblemSplit(f"parity/{name}", row) for name, row in zip(names, rows, strict=True)
    }
    return kind(name="parity", shots=(problem(3 * n),) if shots else (), **splits)
