"""Learning directions that rebuild every gradient, few at a time (paper 4, algorithm 1)."""

import math
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint import resume_training, save_training, train
from ..errors import DecomposeError, nearest
from ..models import Fingerprint
from ._config import L3D
from ._decomposition import Decomposition, coefficients
from ._errors import errors_in_chunks, prepared, squared_errors
from ._gradients import Gradients
from ._initial import first_directions
from ._revive import restart
from ._topk import batch_top_k

Progress = Callable[[int, int], None]


def decompose(
    gradients: Gradients,
    config: L3D | None = None,
    *,
    model: Fingerprint | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Decomposition:
    """Learn directions in parameter space of which every gradient needs few.

    The loss of a batch is sum |rec - g|² / sum |g|², where rec is the sum of the directions that
    count in a sample (`batch_top_k`) times their coefficients. No gradient is ever written out
    for it.

    Args:
        gradients: of samples, see `tapeout.decompose.gradients`.
        config: how; or its fields as keyword arguments, of which `count` is needed.
        model: what the gradients are of, to be kept beside the directions.
        checkpoint: a file to go on from and to save to, as the training goes.
        progress: called with the steps done and all of them, of all starts.

    Raises:
        DecomposeError: a setting that makes no sense, a rank that a tensor does not allow,
            gradients that are not finite or all zero, no direction counts any more, or the loss is
            no longer finite.
        RunError: the checkpoint is damaged, or of another training.
    """
    learner = Learner(gradients, config or _config(options), model)
    train(
        learner,
        learner.config.steps * learner.config.starts,
        checkpoint=checkpoint,
        save_every=learner.config.save_every,
        progress=progress,
    )
    return learner.result()


class Learner:
    """A decomposition in training; its starts come one after the other.

    Args:
        gradients: of the samples.
        config: how.
        model: what they are of.

    Raises:
        DecomposeError: see `decompose`.
    """

    def __init__(self, gradients: Gradients, config: L3D, model: Fingerprint | None = None) -> None:
        self.config, self.model = config, model
        self.gradients = prepared(gradients, per_sample=config.per_sample)
        self.energy = self.gradients.squared_norms()
        self.step = 0
        self.history: list[dict[str, float | int]] = []
        self.losses: list[float] = []
        self.best_error = math.inf
        self._begin()
        self.best = self.decoder.detached(), self.encoder.detached()

    def _begin(self) -> None:
        """Another start."""
        seed = 1_000_003 * self.config.seed + self.step
        first = first_directions(self.gradients, self.config, torch.Generator().manual_seed(seed))
        self.decoder = first.trainable()
        self.encoder = self.decoder if self.config.tied else first.trainable()
        self.counted = torch.zeros(self.config.count)
        self.optimizer = torch.optim.Adam(
            self._parameters(), lr=self.config.learning_rate, fused=True
        )

    def _parameters(self) -> list[Tensor]:
        own = self.decoder.parameters()
        return own if self.config.tied else own + self.encoder.parameters()

    def update(self) -> float:
        """One step on one batch; its loss.

        Raises:
            DecomposeError: no direction counts, or the loss is not finite.
        """
        config, place = self.config, self.step % self.config.steps
        if place == 0 and self.step:
            self._begin()
        loss = self._loss(place)
        self.optimizer.param_groups[0]["lr"] = config.rate(place)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.decoder.normalise_()
        self.step += 1
        self._note(loss.item())
        return loss.item()

    def _loss(self, place: int) -> Tensor:
        draws = torch.Generator().manual_seed(1_000_003 * self.config.seed + self.step)
        drawn = torch.randint(len(self.gradients), (self.config.batch_size,), generator=draws)
        batch = self.gradients.rows(drawn)
        whole = batch.contract(self.encoder)
        counts = batch_top_k(whole, self.config.share(place))
        self.counted += counts.sum(0).to(self.counted)
        energy = self.energy[drawn]
        along = whole if self.config.tied else None
        left = squared_errors(batch, self.decoder, whole * counts, energy, along).sum()
        loss = left / energy.sum().clamp(min=1e-30)
        if not loss.isfinite():
            raise DecomposeError(
                f"the reconstruction error is {loss.item()} at step {place}: lower learning_rate"
            )
        return loss

    def _note(self, loss: float) -> None:
        """Keep the curve, start dead directions anew, and weigh a start that is over."""
        config, done = self.config, (self.step - 1) % self.config.steps + 1
        self.losses.append(loss)
        if done % max(1, config.steps // 50) == 0 or done == config.steps:
            start, error = (self.step - 1) // config.steps, sum(self.losses) / len(self.losses)
            self.history.append({"start": start, "step": done, "error": error})
            self.losses = []
        if config.revive_every and done % config.revive_every == 0:
            self._revive(done)
        if done == config.steps:
            self._weigh()

    def _revive(self, done: int) -> None:
        dead = (self.counted == 0).nonzero().flatten()
        self.counted.zero_()
        if len(dead) == self.config.count:
            raise DecomposeError(_all_dead(self.config))
        if len(dead) and done <= self.config.steps * 2 // 3:
            whole = coefficients(self.gradients, self.encoder, self.config.active)
            left = errors_in_chunks(self.gradients, self.decoder, whole)
            draws = torch.Generator().manual_seed(1_000_003 * self.config.seed + self.step)
            pairs = [self.decoder] if self.config.tied else [self.decoder, self.encoder]
            restart(self.gradients, left, dead, pairs, self.optimizer, draws)

    def _weigh(self) -> None:
        whole = coefficients(self.gradients, self.encoder, self.config.active)
        left = errors_in_chunks(self.gradients, self.decoder, whole).sum()
        error = float(left / self.energy.sum())
        if error < self.best_error:
            self.best_error = error
            self.best = self.decoder.detached(), self.encoder.detached()

    def result(self) -> Decomposition:
        """The best of the starts that are over.

        Raises:
            DecomposeError: no direction counts in any sample.
        """
        decoder, encoder = self.best
        whole = coefficients(self.gradients, encoder, self.config.active)
        activity = (whole != 0).float().mean(0)
        if not bool(activity.any()):
            raise DecomposeError(_all_dead(self.config))
        return Decomposition(
            config=self.config,
            decoder=decoder,
            encoder=encoder,
            activity=activity,
            train_error=self.best_error,
            history=self.history,
            model=self.model,
        )

    def save(self, path: Path) -> None:
        """Write all that the training needs to go on."""
        plain = {
            "step": self.step,
            "history": self.history,
            "losses": self.losses,
            "best_error": self.best_error,
        }
        save_training(path, self._tensors(), plain, self.optimizer, marks=asdict(self.config))

    def resume(self, path: Path) -> None:
        """Go on from `save`.

        Raises:
            RunError: the file is damaged, or of another training.
        """
        marks = asdict(self.config)
        plain = resume_training(path, self._tensors(), self.optimizer, marks=marks)
        self.step, self.history, self.losses = plain["step"], plain["history"], plain["losses"]
        self.best_error = plain["best_error"]

    def _tensors(self) -> dict[str, Tensor]:
        sets = {
            "decoder": self.decoder,
            "best.decoder": self.best[0],
            "best.encoder": self.best[1],
        }
        if not self.config.tied:
            sets["encoder"] = self.encoder
        return {"counted": self.counted} | {
            f"{part}.{name}": value
            for part, directions in sets.items()
            for name, value in directions.tensors().items()
        }


def _all_dead(config: L3D) -> str:
    return (
        f"all {config.count} directions are dead: none has a coefficient other than zero in any "
        "sample. Take another seed, or initial='samples'"
    )


def _config(options: dict[str, Any]) -> L3D:
    known = {field.name for field in fields(L3D)}
    for option in options:
        if option not in known:
            raise DecomposeError(f"L3D has no setting {option!r}: {nearest(option, known)}")
    if "count" not in options:
        raise DecomposeError("say how many directions: count")
    return L3D(**options)
