"""What a training did to a model: a difference of weights that can be scaled, saved and applied."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import ReshapeError
from ..models import Fingerprint, Model

SCHEMA_VERSION = 1
CONFIG, TENSORS = "change_config.json", "change.safetensors"


@dataclass(frozen=True)
class LowRank:
    """A difference that is a product: scaling * up @ down, transposed if the weight is stored so.

    Attributes:
        down: shape [rank, in].
        up: shape [out, rank].
        transposed: the weight is stored as [in, out] (GPT-2).
    """

    down: Float[Tensor, "rank in"]
    up: Float[Tensor, "out rank"]
    scaling: float
    transposed: bool

    def dense(self) -> Tensor:
        product = self.scaling * (self.up.float() @ self.down.float())
        return product.T if self.transposed else product


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """A difference of weights from a base model.

    It applies at any scale, and adding it rounds; what an edit did to the bits, to be applied once
    and taken back exactly, is an `amplify.Delta`.

    Attributes:
        base: the model that it was learned on; it fits no other.
        parts: name of a weight -> its difference, dense or as a product.
        origin: how it came about; plain values.
    """

    base: Fingerprint
    parts: Mapping[str, LowRank | Tensor] = field(repr=False)
    origin: Mapping[str, Any] = field(default_factory=dict)

    def dense(self) -> Iterator[tuple[str, Tensor]]:
        """Every weight's difference, one at a time, in float32."""
        for name, part in self.parts.items():
            yield name, part.dense() if isinstance(part, LowRank) else part

    def norm(self) -> float:
        """Of the whole difference, as one vector."""
        return sum(float(part.square().sum()) for _, part in self.dense()) ** 0.5

    def check(self, model: Model) -> None:
        """Refuse a model that this is not a change of.

        Raises:
            ReshapeError: its weights are others.
        """
        if model.fingerprint.weights != self.base.weights:
            raise ReshapeError(
                f"this change was learned on {self.base.name} (weights {self.base.weights[:8]}), "
                f"and {model.name} has other weights ({model.fingerprint.weights[:8]}): apply it "
                "to the model that it was learned on"
            )

    def applied(self, model: Model, scale: float = 1.0) -> Model:
        """A new model whose weights are the base's plus `scale` times the difference.

        Raises:
            ReshapeError: the model is not the base.
        """
        self.check(model)
        changed = model.sibling(copy.deepcopy(model.hf), f"{model.name} (changed)")
        self.put(model, changed, scale)
        return changed

    def put(self, model: Model, changed: Model, scale: float) -> None:
        """Set the weights of `changed`, a copy of `model`, to the base's plus the difference."""
        own = dict(changed.hf.named_parameters())
        base = dict(model.hf.named_parameters())
        with torch.no_grad():
            for name, part in self.dense():
                difference = (scale * part).to(base[name])
                own[name].copy_(base[name] + difference)

    def save(self, folder: Path) -> None:
        """Write the change as safetensors and JSON.

        Raises:
            ReshapeError: the folder cannot be written.
        """
        tensors: dict[str, Tensor] = {}
        products: dict[str, dict[str, Any]] = {}
        for name, part in self.parts.items():
            if isinstance(part, LowRank):
                tensors[f"{name}.down"] = part.down.detach().cpu().contiguous()
                tensors[f"{name}.up"] = part.up.detach().cpu().contiguous()
                products[name] = {"scaling": part.scaling, "transposed": part.transposed}
            else:
                tensors[name] = part.detach().cpu().contiguous()
        config = {
            "schema_version": SCHEMA_VERSION,
            "base": {"name": self.base.name, "weights": self.base.weights},
            "products": products,
            "origin": dict(self.origin),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            save_file(tensors, folder / TENSORS)
            (folder / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
        except OSError as error:
            raise ReshapeError(f"cannot write the change to {folder}: {error}") from error

    @classmethod
    def load(cls, folder: Path) -> "Change":
        """The change in a folder.

        Raises:
            ReshapeError: there is none, it is damaged, or of a newer schema.
        """
        try:
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            tensors = load_file(folder / TENSORS)
            version = config["schema_version"]
            parts: dict[str, LowRank | Tensor] = {}
            for name, about in config["products"].items():
                parts[name] = LowRank(
                    tensors.pop(f"{name}.down"), tensors.pop(f"{name}.up"), **about
                )
            base = Fingerprint(**config["base"])
            origin = config["origin"]
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ReshapeError(f"{folder} holds no change, or a damaged one: {error}") from error
        if version > SCHEMA_VERSION:
            raise ReshapeError(
                f"the change in {folder} has schema {version}, newer than {SCHEMA_VERSION}: "
                "update Tapeout"
            )
        return cls(base=base, parts=parts | tensors, origin=origin)
