"""LoRA under way: its steps, what is evaluated between them, its checkpoints."""

import copy
import hashlib
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint import load_training, restore, save_training
from ..errors import AmplifyError, RunError
from ..models import Model
from ..reasoning import ProblemSplit, ReasoningTask
from ..reshape import Adapter, Change, Trainable
from ._lessons import Lesson, lessons_of, parts_of, solution_loss
from ._lora_config import LoraTuning
from ._trainer import Evaluate, in_float32


class LoraTrainer:
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
        self.config, self.split, self.evaluate = config, split, evaluate
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
        self.optimizer = torch.optim.AdamW(
            self.copy.parameters.values(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        self.best = {name: p.detach().clone() for name, p in self.copy.parameters.items()}
        self.step, self.kept = 0, 0
        self.diverged: int | None = None
        self.curve: list[dict[str, float]] = []
        self.scores: dict[int, float] = {}

    def update(self) -> None:
        """One step, and what is evaluated before and after it."""
        if self.step == 0:
            self._score()
        rate = self.rate()
        self.optimizer.zero_grad()
        loss = self._gradients()
        norm = torch.nn.utils.clip_grad_norm_(self.copy.parameters.values(), self.config.clip)
        entry = {"loss": loss, "gradient": float(norm), "learning_rate": rate}
        if not all(map(math.isfinite, entry.values())):
            self._diverge(entry)
            return
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        self.curve.append(entry)
        self.step += 1
        self._score()

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

    def _score(self) -> None:
        """Evaluate, where it is time to, and keep the best."""
        last = self.step == self.steps
        if self.evaluate is None or not (last or self.step % self.config.every == 0):
            return
        if self.step not in self.scores:
            self._merge()
            with torch.no_grad(), self.merged.frozen():
                self.scores[self.step] = float(self.evaluate(self.merged))
        score = self.scores[self.step]
        if not math.isfinite(score):
            raise AmplifyError(f"evaluate gave {score} at step {self.step}: it must be a number")
        if self.step and score > self.scores[self.kept]:
            self.kept = self.step
            for name, p in self.copy.parameters.items():
                self.best[name].copy_(p.detach())

    def _merge(self) -> None:
        if self.step:  # adding zeros to the base would turn its -0.0 into 0.0
            self.copy.change({}).put(self.base, self.merged, 1.0)

    def _diverge(self, entry: dict[str, float]) -> None:
        self.diverged = self.step
        if self.evaluate is None or not self.step:
            raise AmplifyError(
                f"loss {entry['loss']} and gradient {entry['gradient']} at step {self.step}: "
                "lower the learning rate, or check the model for NaN"
            )

    def finish(self) -> Change:
        """Leave `merged` in the weights that are kept; what they differ by from the base's."""
        if self.evaluate is None:
            self.kept = self.step
        else:
            self._set(self.best)
        change = self.copy.change(self.origin())
        if self.kept:
            change.put(self.base, self.merged, 1.0)
        else:
            self.merged.hf.load_state_dict(self.base.hf.state_dict())
        return change

    def _set(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, p in self.copy.parameters.items():
                p.copy_(values[name])

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

    @cached_property
    def _key(self) -> str:
        """What a checkpoint must be of to go on here."""
        config = {k: v for k, v in asdict(self.config).items() if k != "save_every"}
        about = (config, self.base.fingerprint.weights, self.prefix, self.lessons)
        return hashlib.sha256(repr(about).encode()).hexdigest()

    def _tensors(self) -> dict[str, Tensor]:
        best = {f"best.{name}": value for name, value in self.best.items()}
        return dict(self.copy.parameters) | best

    def save(self, path: Path) -> None:
        """Write all that the tuning needs to go on."""
        plain = {"key": self._key, "step": self.step, "curve": self.curve, "kept": self.kept}
        plain["scores"] = list(self.scores.items())
        save_training(path, self._tensors(), plain, self.optimizer)

    def resume(self, path: Path) -> None:
        """Go on from `save`.

        Raises:
            RunError: the file is damaged, or of another tuning.
        """
        tensors, plain = load_training(path, self._tensors())
        if plain.get("key") != self._key:
            raise RunError(f"the checkpoint {path} is of another tuning: use another file")
        self.step, self.curve, self.kept = plain["step"], plain["curve"], plain["kept"]
        self.scores = {int(step): score for step, score in plain["scores"]}
        self.best = {name: tensors[f"best.{name}"] for name in self.best}
        self._set(tensors)
        restore(self.optimizer, tensors)


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
