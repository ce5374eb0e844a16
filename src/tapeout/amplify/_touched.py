"""Which heads and MLP channels changed weights belong to."""

from jaxtyping import Bool
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from ..errors import ReshapeError
from ..models import Model
from ..reshape import MLP, QKV, Lines, lines_of


class Owners:
    """The heads and MLP channels of a model, by the projections that hold their weights."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._lines: dict[str, list[tuple[str, int, Lines]]] = {}
        for layer in range(model.shape.n_layers):
            for site in (*QKV, MLP):
                if not model.shape.width(layer, site):
                    continue
                unit = 1 if site == MLP else model.shape.head_dim
                try:
                    found = lines_of(model, layer, site)
                except ReshapeError:  # cut behind its projection, whose channels have no number
                    continue
                for lines in found:
                    own = self._lines.setdefault(lines.module, [])
                    own.append((f"{layer}.{site}", unit, lines))

    def of(self, name: str, there: Bool[Tensor, "rows columns"]) -> dict[str, set[int]] | None:
        """`LAYER.SITE` -> the heads or channels of which numbers differ.

        Args:
            name: of a parameter.
            there: where it differs.

        Returns:
            None if the parameter belongs to no head and no channel.
        """
        module, _, kind = name.rpartition(".")
        sides = ("out", "in") if kind == "weight" else ("out",)
        own = [entry for entry in self._lines.get(module, ()) if entry[2].side in sides]
        if not own:
            return None
        stored = isinstance(self._model.hf.get_submodule(module), Conv1D)
        found: dict[str, set[int]] = {}
        for place, unit, lines in own:
            dim = int((lines.side == "in") != stored) if kind == "weight" else 0
            differs = there.any(dim=1 - dim).cpu()[lines.places].nonzero()[:, 0]
            if len(differs):
                found[place] = {int(channel) // unit for channel in differs}
        return found
