"""A targeted update under way: what it trains, and its steps."""

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from ..circuits import Circuit
from ..errors import AmplifyError
from ..models import Model
from ._chosen import Trained, chosen_lines
from ._improving import Evaluate, Improving
from ._loss import Rows, differences, losses, rows_of, weights_of
from ._records import LocalisationSet
from ._updating import Updating


def in_float32(model: Model) -> Model:
    """The model itself if all its numbers are float32, else a copy in which they are."""
    tensors = [*model.hf.parameters(), *model.hf.buffers()]
    if all(t.dtype == torch.float32 for t in tensors if t.is_floating_point()):
        return model
    return model.sibling(copy.deepcopy(model.hf).float(), model.name)


class Trainer(Improving):
    """An update under way."""

    def __init__(
        self,
        model: Model,
        records: LocalisationSet,
        circuit: Circuit | None,
        config: Updating,
        evaluate: Evaluate | None,
    ) -> None:
        _check(model, records)
        self.config, self.records = config, records
        self.base = in_float32(model)
        self.loaded = str(next(model.hf.parameters()).dtype).removeprefix("torch.")
        chosen = None if circuit is None else chosen_lines(model, circuit, config.projections)
        self.components = "every parameter" if circuit is None else circuit.describe()
        self.copy = model.sibling(copy.deepcopy(self.base.hf).eval(), f"{model.name} (amplified)")
        self.flags = [p.requires_grad for p in self.copy.hf.parameters()]
        self.trained = Trained(self.copy.hf, chosen)
        kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
        values = self.trained.values
        optimizer = kinds[config.optimizer](values.values(), lr=config.learning_rate)
        super().__init__(values, optimizer, evaluate)
        self.weights = weights_of(records.records, config.balanced)

    def update(self) -> None:
        """One step, and what is evaluated before and after it."""
        if self.step == 0:
            self.score()
        self.optimizer.zero_grad()
        entry = self._gradients()
        if self.diverges(entry):
            return
        if self.config.random_sign:
            self._shuffle()
        self.optimizer.step()
        self.trained.write()
        self.done(entry)

    def _gradients(self) -> dict[str, float]:
        """Put the mean gradient over the records beside the values."""
        chosen = list(range(len(self.records)))
        if 0 < self.config.sample < len(chosen):
            generator = torch.Generator().manual_seed(self.config.seed * 100_003 + self.step)
            drawn = torch.randperm(len(chosen), generator=generator)
            chosen = sorted(drawn[: self.config.sample].tolist())
        held = self.records.prefix and self.config.reach != "all"
        stem = self.copy.stem(self.records.prefix) if held else None
        totals = {"loss": 0.0, "difference": 0.0}
        with torch.enable_grad(), self.trained.listening():
            for rows in self._parts(chosen):
                difference = differences(self.copy, rows, stem, self.config.reach)
                weights = rows.weights.to(difference.device)
                loss = (weights * losses(difference, self.config.loss)).sum() / len(chosen)
                loss.backward()
                totals["loss"] += loss.item()
                totals["difference"] += float(difference.detach().sum()) / len(chosen)
        gradients = [v.grad for v in self.trained.values.values() if v.grad is not None]
        return totals | {"gradient": float(torch.nn.utils.get_total_norm(gradients))}

    def _parts(self, chosen: list[int]) -> Iterator[Rows]:
        even = self.config.reach == "last"
        return rows_of(self.records, chosen, self.weights, self.config.rows, even=even)

    def _shuffle(self) -> None:
        """Give every gradient a random sign, the same one in every step."""
        for number, value in enumerate(self.trained.values.values()):
            generator = torch.Generator().manual_seed(self.config.seed * 100_003 + number)
            signs = torch.randint(0, 2, value.shape, generator=generator) * 2 - 1
            if value.grad is not None:
                value.grad.mul_(signs.to(value.grad))

    def due(self) -> bool:
        """By the paper's schedule."""
        early = self.step in (0, 2, 4, 6, 8, 10)
        return early or self.step % self.config.every == 0 or self.step == self.config.steps

    def subject(self) -> Model:
        """The copy, which every step writes to."""
        return self.copy

    def put(self, values: Mapping[str, Tensor]) -> None:
        """See `Improving`."""
        self.trained.set(values)

    def finish(self) -> None:
        """Leave the copy in the weights that are kept, its flags as those of the base."""
        self.settle()
        for p, flag in zip(self.copy.hf.parameters(), self.flags, strict=True):
            p.requires_grad_(flag)
            p.grad = None

    def origin(self) -> dict[str, Any]:
        """How the kept weights came about."""
        return {
            "method": "update",
            "config": asdict(self.config),
            "records": self.records.name,
            "n": len(self.records),
            "components": self.components,
            "trained": self.trained.size,
            "step": self.kept,
            "loaded": self.loaded,
        }

    def key(self) -> str:
        """Steps may be added."""
        config = {k: v for k, v in asdict(self.config).items() if k not in ("steps", "save_every")}
        lines = [(own.name, own.index.tolist()) for own in self.trained.chosen or ()]
        digest = hashlib.sha256(repr((config, lines, self.base.fingerprint.weights)).encode())
        digest.update(repr((self.records.prefix, self.records.records)).encode())
        return digest.hexdigest()


def _check(model: Model, records: LocalisationSet) -> None:
    if not len(records):
        raise AmplifyError(f"{records.name} has no records: there is nothing to update towards")
    tokens = (max(*r.tokens, r.desired, r.undesired) for r in records.records)
    words = model.hf.get_input_embeddings().weight.shape[0]
    if (highest := max(*tokens, *records.prefix, 0)) >= words:
        raise AmplifyError(
            f"{records.name} has token {highest}, and {model.name} only {words}: it was made with "
            f"another tokenizer, for {records.model.name}"
        )
