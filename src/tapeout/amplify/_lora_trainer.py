"""LoRA under way: what it trains, and its steps."""

import copy
import hashlib
import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..errors import AmplifyError
from ..models import Model
from ..reasoning import ProblemSplit, ReasoningTask
from ..reshape import Adapter, Change, Trainable
from ._improving import Evaluate, Improving
from ._lessons import Lesson, lessons_of, parts_of, solution_loss
from ._lora_config import LoraTuning
from ._trainer import in_float32


class LoraTrainer(Improving):
    """A tuning under way.

    What is evaluated is what will be shipped: plain weights, with the adapter merged into them.
    """

    def __init__(
        self,
        model: Model,
        task: ReasoningTask,
        split: ProblemSplit,
        config: LoraTuning,
        evaluate: Evaluate | None,
    ) -> None:
        self.config, self.split = config, split
        self.base = in_float32(model)
        self.loaded = str(next(model.hf.parameters()).dtype).removeprefix("torch.")
        task = _as_trained(task, config)
        self.prefix = tuple(task.prefix_ids(model.tokenizer))
        self.lessons = lessons_of(task, split, model)
        self.steps = config.epochs * math.ceil(len(self.lessons) / config.batch)
        self.copy = Trainable(
            self.base,
            Adapter(
                rank=config.rank,
                alpha=config.alpha,
                stabilised=False,
                dropout=config.dropout,
                seed=config.seed,
            ),
        )
        self.merged = model.sibling(copy.deepcopy(self.base.hf).eval(), f"{model.name} (LoRA)")
        optimizer = torch.optim.AdamW(
            self.copy.parameters.values(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        super().__init__(self.copy.parameters, optimizer, evaluate)

    def update(self) -> None:
        """One step, and what is evaluated before and after it."""
        if self.step == 0:
            self.score()
        rate = self.rate()
        self.optimizer.zero_grad()
        loss = self._gradients()
        norm = torch.nn.utils.clip_grad_norm_(self.copy.parameters.values(), self.config.clip)
        entry = {"loss": loss, "gradient": float(norm), "learning_rate": rate}
        if self.diverges(entry):
            return
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        self.done(entry)

    def rate(self) -> float:
        """The learning rate of this step: a linear rise, then half a cosine down to 0."""
        warm, peak = min(self.config.warm_up, self.steps - 1), self.config.learning_rate
        if self.step < warm:
            return peak * (self.step + 1) / warm
        return peak * (1 + math.cos(math.pi * (self.step - warm) / (self.steps - warm))) / 2

    def _gradients(self) -> float:
        """Put the gradient of the mean over all tokens of the step beside the parameters."""
        lessons = self._drawn()
        tokens = sum(len(lesson.solution) for lesson in lessons)
        held = self.prefix and self.config.reach == "behind_prefix"
        stem = self.copy.model.stem(self.prefix) if held else None
        total = 0.0
        with torch.enable_grad(), self._dropping():
            for part in parts_of(lessons, self.config.rows):
                loss = solution_loss(self.copy.model, part, stem) / tokens
                loss.backward()
                total += loss.item()
        return total

    def _drawn(self) -> list[Lesson]:
        """The lessons of this step; every epoch has an order of its own."""
        epoch, place = divmod(self.step, self.steps // self.config.epochs)
        order = list(range(len(self.lessons)))
        random.Random(f"lora/{self.config.seed}/{epoch}").shuffle(order)
        start = place * self.config.batch
        return [self.lessons[row] for row in order[start : start + self.config.batch]]

    @contextmanager
    def _dropping(self) -> Iterator[None]:
        """Dropout of the adapter alone, drawn from the seed and the step."""
        device = self.base.device
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.config.seed * 100_003 + self.step)
            try:
                for module in self.copy.dropouts:
                    module.training = True
                yield
            finally:
                for module in self.copy.dropouts:
                    module.training = False

    def due(self) -> bool:
        """Every so many steps, and in the end."""
        return self.step == self.steps or self.step % self.config.every == 0

    def subject(self) -> Model:
        """Plain weights with the adapter merged into them."""
        if self.step:  # adding zeros to the base would turn its -0.0 into 0.0
            self.copy.change({}).put(self.base, self.merged, 1.0)
        return self.merged

    def put(self, values: Mapping[str, Tensor]) -> None:
        """See `Improving`."""
        with torch.no_grad():
            for name, p in self.copy.parameters.items():
                p.copy_(values[name])

    def finish(self) -> Change:
        """Leave `merged` in the weights that are kept; what they differ by from the base's."""
        self.settle()
        change = self.copy.change(self.origin())
        if self.kept:
            change.put(self.base, self.merged, 1.0)
        else:
            self.merged.hf.load_state_dict(self.base.hf.state_dict())
        return change

    def origin(self) -> dict[str, Any]:
        """How the kept weights came about."""
        return {
            "method": "lora",
            "config": asdict(self.config),
            "split": self.split.name,
            "n": len(self.lessons),
            "trained": sum(p.numel() for p in self.copy.parameters.values()),
            "step": self.kept,
            "loaded": self.loaded,
        }

    def key(self) -> str:
        """Everything but how often it is saved."""
        return self._key

    @cached_property
    def _key(self) -> str:
        config = {k: v for k, v in asdict(self.config).items() if k != "save_every"}
        about = (config, self.base.fingerprint.weights, self.prefix, self.lessons)
        return hashlib.sha256(repr(about).encode()).hexdigest()


def _as_trained(task: ReasoningTask, config: LoraTuning) -> ReasoningTask:
    """The task with or without its worked examples."""
    if config.shots or not task.shots:
        return task
    if task.prompting.frame is not None:
        raise AmplifyError(
            "a chat's worked examples are a part of its turns: build the chat task without shots, "
            "or train with them (shots: true)"
        )
    return replace(task, shots=())
