"""Deltas: what an edit changed of a model, as one file that applies and reverts exactly."""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import AmplifyError
from ..models import Fingerprint, Model
from ..reshape import MLP
from ._flips import Flips, bits_of
from ._touched import Owners


@dataclass(frozen=True, kw_only=True, eq=False)
class Delta:
    """The bits in which the weights of two models differ, of changed rows and columns alone.

    Unlike a `reshape.Change`, which is a difference of numbers and applies at any scale, this is
    exact: applying and reverting flip the same bits, so that the base comes back bit for bit,
    without being kept. Both ends are known by their fingerprints.

    Attributes:
        base: the model that it applies to.
        result: what comes out; None for a combination, whose result nobody has hashed.
        parts: name of a parameter -> its bits.
        touched: `LAYER.SITE` -> heads or MLP channels of which any weight differs.
        elsewhere: parameters that differ and belong to no component.
        numbers: how many numbers differ.
        total: parameters of the model.
        origin: how it came about; plain values.
    """

    base: Fingerprint
    result: Fingerprint | None
    parts: Mapping[str, Flips] = field(repr=False)
    touched: Mapping[str, tuple[int, ...]] = field(repr=False)
    elsewhere: tuple[str, ...]
    numbers: int
    total: int
    origin: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def between(
        cls, base: Model, changed: Model, *, origin: Mapping[str, Any] | None = None
    ) -> "Delta":
        """What leads from one model to another.

        Args:
            base: the model that it will apply to.
            changed: one of the same parameters, by name, shape and dtype.
            origin: how it came about; plain values.

        Raises:
            AmplifyError: the models have other parameters, or buffers that differ.
        """
        parts: dict[str, Flips] = {}
        places: dict[str, set[int]] = {}
        elsewhere: list[str] = []
        numbers = 0
        before, after, owners = _tensors(base), _tensors(changed), Owners(base)
        for name in _same(base, changed, before, after):
            bits = bits_of(before[name]) ^ bits_of(after[name]).to(before[name].device)
            flips = Flips.of(bits, before[name])
            if flips is None:
                continue
            parts[name] = flips
            numbers += int((bits != 0).sum())
            own = owners.of(name, bits != 0)
            elsewhere += [] if own is not None else [name]
            for place, units in (own or {}).items():
                places[place] = places.get(place, set()) | units
        return cls(
            base=base.fingerprint,
            result=changed.fingerprint,
            parts=parts,
            touched={place: tuple(sorted(units)) for place, units in sorted(places.items())},
            elsewhere=tuple(elsewhere),
            numbers=numbers,
            total=sum(p.numel() for p in base.hf.parameters()),
            origin=dict(origin or {}),
        )

    @property
    def dtype(self) -> str:
        """What a model must be loaded in, such as `float32`; empty if nothing differs."""
        return next((part.dtype for part in self.parts.values()), "")

    @property
    def nbytes(self) -> int:
        """Of the bits and the numbers of their lines; the file's header comes on top."""
        return sum(part.nbytes for part in self.parts.values())

    def apply(self, model: Model) -> Model:
        """The changed model, from the base; the base stays as it is.

        Raises:
            AmplifyError: the model is not the base, has the delta already, was loaded in another
                dtype, or the delta is damaged.
        """
        if model.fingerprint.weights != self.base.weights:
            self._check_dtype(model)
            if self._has(model):
                raise AmplifyError(f"{model.name} has this delta already: revert takes it back")
            raise AmplifyError(_other(self.base, model, "this delta applies to"))
        new = self._flipped(model, f"{model.name} (delta applied)")
        if self.result is not None and new.fingerprint.weights != self.result.weights:
            raise AmplifyError("the delta is damaged: applied, it does not give its own result")
        return new

    def revert(self, model: Model) -> Model:
        """The base, bit for bit, from the changed model; that one stays as it is.

        Raises:
            AmplifyError: the model is not the delta's result, or was loaded in another dtype, or
                the delta is damaged.
        """
        if model.fingerprint.weights == self.base.weights and self.parts:
            raise AmplifyError(f"{model.name} does not have this delta: there is nothing to revert")
        self._check_dtype(model)
        if self.result is not None and model.fingerprint.weights != self.result.weights:
            raise AmplifyError(_other(self.result, model, "this delta can be taken back from"))
        new = self._flipped(model, self.base.name)
        if new.fingerprint.weights == self.base.weights:
            return new
        if self.result is None:
            raise AmplifyError(
                f"{model.name} is not {self.base.name} with this delta: taken back, it does not "
                "give the base"
            )
        raise AmplifyError("the delta is damaged: taken back, it does not give the base")

    def _has(self, model: Model) -> bool:
        if self.result is not None:
            return model.fingerprint.weights == self.result.weights
        if not self._fits(model):
            return False
        return self._flipped(model, model.name).fingerprint.weights == self.base.weights

    def _fits(self, model: Model) -> bool:
        own = _tensors(model)
        return all(
            name in own and tuple(own[name].shape) == part.shape
            for name, part in self.parts.items()
        )

    def _check_dtype(self, model: Model) -> None:
        own = _tensors(model)
        for name, part in self.parts.items():
            found = str(own[name].dtype).removeprefix("torch.") if name in own else part.dtype
            if found != part.dtype:
                raise AmplifyError(
                    f"{model.name} was loaded in {found}, and this delta is of {part.dtype} "
                    f'weights: load it with dtype="{part.dtype}"'
                )

    def _flipped(self, model: Model, name: str) -> Model:
        if not self._fits(model):
            raise AmplifyError(_other(self.base, model, "this delta is of"))
        new = model.sibling(copy.deepcopy(model.hf), name)
        own = _tensors(new)
        for name, part in self.parts.items():
            part.flip(own[name])
        return new

    def info(self) -> dict[str, Any]:
        """What it is, as plain values.

        Keys: `base`, `result`, `dtype`, `bytes`, `numbers` that differ, their `share` of all
        parameters, `layers`, `components` (`SITE` -> how many, over all layers), `heads`
        (`LAYER.SITE` -> which), `channels` (`LAYER` -> how many MLP channels), `elsewhere`,
        `origin`.
        """
        counts: dict[str, int] = {}
        for place, units in self.touched.items():
            site = place.partition(".")[2]
            counts[site] = counts.get(site, 0) + len(units)
        return {
            "base": asdict(self.base),
            "result": None if self.result is None else asdict(self.result),
            "dtype": self.dtype,
            "bytes": self.nbytes,
            "numbers": self.numbers,
            "share": self.numbers / self.total,
            "layers": sorted({int(place.partition(".")[0]) for place in self.touched}),
            "components": counts,
            "heads": {p: list(units) for p, units in self.touched.items() if not p.endswith(MLP)},
            "channels": {
                p.partition(".")[0]: len(units)
                for p, units in self.touched.items()
                if p.endswith(MLP)
            },
            "elsewhere": list(self.elsewhere),
            "origin": dict(self.origin),
        }

    def save(self, path: str | Path) -> Path:
        """Write one safetensors file, whole or not at all; its header says all but the bits.

        Args:
            path: the file, or a folder for a `delta.safetensors`.

        Returns:
            The file.

        Raises:
            AmplifyError: it cannot be written.
        """
        from ._delta_files import save_delta

        return save_delta(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "Delta":
        """The delta in a file, or in a folder's `delta.safetensors`.

        Raises:
            AmplifyError: there is none, it is damaged, or of a newer schema.
        """
        from ._delta_files import load_delta

        return load_delta(Path(path))


def _tensors(model: Model) -> dict[str, Tensor]:
    return dict(model.hf.named_parameters())


def _same(
    base: Model, changed: Model, before: dict[str, Tensor], after: dict[str, Tensor]
) -> list[str]:
    """The names of parameters, once both models are of one build."""
    about = [
        {name: (tuple(t.shape), t.dtype) for name, t in own.items()} for own in (before, after)
    ]
    if about[0] != about[1]:
        different = sorted(n for n in {*before, *after} if about[0].get(n) != about[1].get(n))
        raise AmplifyError(
            f"{base.name} and {changed.name} differ in the shape or dtype of {different[0]}: a "
            "delta is between two models of one build"
        )
    buffers = dict(changed.hf.named_buffers())
    for name, buffer in base.hf.named_buffers():
        if not torch.equal(buffer, buffers[name].to(buffer.device)):
            raise AmplifyError(f"the buffer {name} differs: a delta holds parameters alone")
    return sorted(before)


def _other(wanted: Fingerprint, model: Model, what: str) -> str:
    return (
        f"{what} {wanted.name} (weights {wanted.weights[:8]}), and {model.name} has other weights "
        f"({model.fingerprint.weights[:8]})"
    )
