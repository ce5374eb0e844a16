"""The toys of paper 4 by name: models whose circuits are known."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...errors import DecomposeError, nearest
from ._data import sparse_inputs
from ._models import Autoencoder, Deep, Parallel
from ._training import fit


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    """A toy's shape and training; sizes are those of paper 4's final text.

    Attributes:
        name: one of `TOYS`, which says what the model is to compute.
        features, hidden: of one network.
        networks: so many side by side as one model.
        layers: hidden layers of the network of squares.
        group: features that are active together.
        active: how often a group is.
        steps, batch_size, learning_rate: of Adam with cosine decay.
        starts: trained side by side, the best is kept.
        seed: of coefficients, weights and data.
    """

    name: str
    features: int = 5
    hidden: int = 2
    networks: int = 1
    layers: int = 1
    group: int = 1
    active: float = 0.05
    steps: int = 1500
    batch_size: int = 256
    learning_rate: float = 0.01
    starts: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in TOYS:
            raise DecomposeError(f"no toy is called {self.name!r}; {nearest(self.name, TOYS)}")
        sizes = ("features", "hidden", "networks", "layers", "group", "steps", "batch_size")
        for name in (*sizes, "starts"):
            if getattr(self, name) < 1:
                raise DecomposeError(f"{name} of a toy must be at least 1")
        if self.features % self.group:
            raise DecomposeError(f"groups of {self.group} do not divide {self.features} features")
        if not 0 < self.active <= 1:
            raise DecomposeError(f"active must lie above 0 and up to 1, not at {self.active}")


@dataclass(frozen=True, kw_only=True)
class Toy:
    """A trained toy.

    Attributes:
        config: what it is.
        model: the network.
        coefficients: A of X -> AX, (features, outputs); None where there is none.
        loss: mean squared error on new inputs.
    """

    config: ToyConfig
    model: nn.Module
    coefficients: Float[Tensor, "features outputs"] | None
    loss: float

    @property
    def features(self) -> int:
        """Inputs over all networks."""
        return self.config.features * self.config.networks

    @property
    def groups(self) -> list[list[int]]:
        """Features that are active together, which is what a circuit is of."""
        size = self.config.group
        return [list(range(i, i + size)) for i in range(0, self.features, size)]

    def inputs(self, count: int, *, seed: int) -> Float[Tensor, "count features"]:
        """New inputs, of the distribution that it was trained on."""
        return _draw(self.config, count, torch.Generator().manual_seed(seed))


def toy(name: str, **options: Any) -> Toy:
    """Train a toy in a few seconds.

    Args:
        name: `tms` (5 features in 2 units), `tms-parallel` (three of them), `tmcs` (X -> AX, 10
            features in 5 units, A ~ U(0, 3)), `high-rank` (the same with 25 features in 10 units,
            active in groups of 5) or `x2` (X -> X², 4 GELU layers of 10 for 5 features).
        options: fields of `ToyConfig` that differ.

    Raises:
        DecomposeError: an unknown toy or option, or a size that makes no sense.
    """
    if name not in TOYS:
        raise DecomposeError(f"no toy is called {name!r}; {nearest(name, TOYS)}")
    known = {field.name for field in fields(ToyConfig)}
    for option in options:
        if option not in known:
            raise DecomposeError(f"a toy has no option {option!r}; {nearest(option, known)}")
    return train_toy(replace(TOYS[name](), **options))


def train_toy(config: ToyConfig) -> Toy:
    """The same from a config.

    Raises:
        DecomposeError: no start ended with a finite loss.
    """
    generator = torch.Generator().manual_seed(config.seed)
    square = config.features, config.features
    mixes = config.name in ("tmcs", "high-rank")
    coefficients = 3 * torch.rand(square, generator=generator) if mixes else None
    model, loss = fit(
        lambda: _build(config),
        lambda count: _draw(config, count, generator),
        _target(config.name, coefficients),
        starts=config.starts,
        steps=config.steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        seed=config.seed,
    )
    return Toy(config=config, model=model, coefficients=coefficients, loss=loss)


def _build(config: ToyConfig) -> nn.Module:
    if config.name == "x2":
        return Deep(config.features, config.hidden, config.layers)
    sizes = config.features, config.hidden, config.features
    return Autoencoder(*sizes) if config.networks == 1 else Parallel(config.networks, *sizes)


def _draw(config: ToyConfig, count: int, generator: torch.Generator) -> Tensor:
    return sparse_inputs(
        count,
        features=config.features * config.networks,
        group=config.group,
        active=config.active,
        low=-1.0 if config.name == "x2" else 0.0,
        generator=generator,
    )


def _target(name: str, coefficients: Tensor | None) -> Callable[[Tensor], Tensor]:
    if coefficients is not None:
        return lambda inputs: inputs @ coefficients
    return torch.square if name == "x2" else lambda inputs: inputs


# Of 32 starts of superposition the best has a lower loss than of 8, and its features leak less.
TOYS: dict[str, Callable[[], ToyConfig]] = {
    "tms": lambda: ToyConfig(name="tms", starts=32),
    "tms-parallel": lambda: ToyConfig(name="tms-parallel", networks=3, starts=32),
    "tmcs": lambda: ToyConfig(name="tmcs", features=10, hidden=5),
    "high-rank": lambda: ToyConfig(name="high-rank", features=25, hidden=10, group=5),
    "x2": lambda: ToyConfig(name="x2", hidden=10, layers=4),
}
"""The paper's toys by name."""
