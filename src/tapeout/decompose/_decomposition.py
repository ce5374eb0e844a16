"""What a decomposition gives."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jaxtyping import Float, Int
from torch import Tensor, tensor

from ..errors import DecomposeError
from ..models import Fingerprint
from ._config import L3D
from ._directions import Directions
from ._errors import check_over, contracted_in_chunks, errors_in_chunks, prepared
from ._gradients import Gradients
from ._topk import batch_top_k

SCHEMA_VERSION = 1
FILE = "decomposition.json"


@dataclass(frozen=True, eq=False, kw_only=True)
class Decomposition:
    """Directions, and how they are found in a gradient.

    Attributes:
        config: how it was learned.
        decoder: the directions, each of norm 1 over all tensors: the circuits.
        encoder: what a gradient is multiplied with to get its coefficients.
        activity: the part of the samples it was learned on in which each direction counts.
        train_error: the reconstruction error on those, see `error`.
        history: by start and step: `start`, `step`, `error` (mean over the batches in between).
        model: what the gradients are of, if that was said.
    """

    config: L3D
    decoder: Directions
    encoder: Directions
    activity: Float[Tensor, " count"]
    train_error: float
    history: list[dict[str, float | int]] = field(default_factory=list)
    model: Fingerprint | None = None

    @property
    def dead(self) -> Int[Tensor, " dead"]:
        """Directions that count in no sample."""
        return (self.activity == 0).nonzero().flatten()

    @property
    def alive(self) -> Int[Tensor, " alive"]:
        """Directions that count in a sample."""
        return (self.activity > 0).nonzero().flatten()

    def coefficients(
        self, gradients: Gradients, *, active: float | None = None
    ) -> Float[Tensor, "batch count"]:
        """How much of each direction is in each gradient (equations 4 and 5).

        Args:
            gradients: over the same parameters.
            active: the part of all that counts, the rest is 0; the config's by default, 1 for all.

        Raises:
            DecomposeError: gradients over other parameters, or that are not finite.
        """
        check_over(self.decoder, gradients)
        ready = prepared(gradients, per_sample=self.config.per_sample)
        return coefficients(ready, self.encoder, self.config.active if active is None else active)

    def error(self, gradients: Gradients, *, active: float | None = None) -> float:
        """The part of the gradients' energy that is not rebuilt: sum |rec - g|² / sum |g|².

        Args:
            gradients: over the same parameters, as a rule ones that it was not learned on.
            active: as in `coefficients`.

        Raises:
            DecomposeError: gradients over other parameters, or that are not finite, or all zero.
        """
        found = self.coefficients(gradients, active=active)
        ready = prepared(gradients, per_sample=self.config.per_sample)
        left = errors_in_chunks(ready, self.decoder, found).sum()
        return float(left / ready.squared_norms().sum())

    def save(self, folder: Path | str) -> Path:
        """Write directions and `decomposition.json` into a folder; returns it.

        Raises:
            DecomposeError: it cannot be written.
        """
        folder = Path(folder)
        self.decoder.save(folder / "decoder")
        self.encoder.save(folder / "encoder")
        head = {
            "schema_version": SCHEMA_VERSION,
            "config": asdict(self.config),
            "model": None if self.model is None else asdict(self.model),
            "train_error": self.train_error,
            "activity": self.activity.tolist(),
            "history": self.history,
        }
        partial = folder / f".{FILE}.partial"
        try:
            partial.write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")
            os.replace(partial, folder / FILE)
        except OSError as error:
            raise DecomposeError(f"cannot write the decomposition to {folder}: {error}") from error
        return folder

    @classmethod
    def load(cls, folder: Path | str) -> "Decomposition":
        """What `save` wrote.

        Raises:
            DecomposeError: there is nothing, it is damaged, or of a newer schema.
        """
        path = Path(folder) / FILE
        try:
            head = json.loads(path.read_text(encoding="utf-8"))
            if (version := head["schema_version"]) > SCHEMA_VERSION:
                raise DecomposeError(
                    f"{path} has schema {version}, newer than {SCHEMA_VERSION}: update Tapeout"
                )
            return cls(
                config=L3D(**head["config"]),
                decoder=Directions.load(path.parent / "decoder"),
                encoder=Directions.load(path.parent / "encoder"),
                activity=tensor(head["activity"]),
                train_error=head["train_error"],
                history=head["history"],
                model=None if head["model"] is None else Fingerprint(**head["model"]),
            )
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise DecomposeError(
                f"{path} holds no decomposition, or a damaged one: {error}"
            ) from error


def coefficients(
    gradients: Gradients, encoder: Directions, active: float
) -> Float[Tensor, "batch count"]:
    """What counts of each direction in each gradient, over all samples as one batch."""
    whole = contracted_in_chunks(gradients, encoder)
    return whole * batch_top_k(whole, active)
