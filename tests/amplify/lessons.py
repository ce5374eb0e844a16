"""Parity problems with solutions to learn."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from tapeout.amplify import LoraTuning
from tapeout.amplify._lessons import lessons_of
from tapeout.amplify._lora_trainer import LoraTrainer
from tapeout.models import Model
from tapeout.reasoning import Problem

from ..tiny import Sizes
from .parity import Parity, task

SIZES = Sizes(d_mlp=16)
QUICK = LoraTuning(rank=2, alpha=4.0, batch=4, rows=3, warm_up=2, learning_rate=1e-2, every=2)
STILL = replace(QUICK, dropout=0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Taught(Parity):
    """Solutions of two to four tokens that say which number was asked."""

    def solution_ids(self, tokenizer: Any, problem: Problem) -> list[int]:
        number = problem.instance_id
        return [5 + number % 50, 7, 11, 13][: 2 + number % 3]


def taught(n: int = 10, *, shots: bool = True) -> Taught:
    found = task(n, shots=shots, kind=Taught)
    assert isinstance(found, Taught)
    return found


def loss_by_hand(model: Model, task: Taught) -> float:
    """Every problem alone, by an ordinary forward; mean over the tokens of all solutions."""
    lessons = lessons_of(task, task.train, model)
    total = 0.0
    for lesson in lessons:
        with torch.no_grad():
            logits = model.hf(torch.tensor([lesson.row])).logits[0, len(lesson.prompt) - 1 :]
        targets = torch.tensor(lesson.solution)
        total += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
    return total / sum(len(lesson.solution) for lesson in lessons)


def trainer_of(model: Model, config: LoraTuning = STILL, own: Taught | None = None) -> LoraTrainer:
    own = own or taught()
    return LoraTrainer(model, own, own.train, config, None)
