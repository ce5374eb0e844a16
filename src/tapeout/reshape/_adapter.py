"""Low-rank products beside the projections of a model (LoRA, by PEFT)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from ..errors import ReshapeError
from ._change import LowRank

NAME = "default"


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """What stands beside every projection.

    Attributes:
        rank: of the products.
        alpha: they are scaled by alpha / sqrt(rank) if `stabilised`, else by alpha / rank.
        stabilised: rsLoRA (Kalajdzievski 2023); else LoRA (Hu et al. 2022).
        dropout: of what a product reads, while it is in training mode.
        seed: of the first factors; the second ones start at 0.
    """

    rank: int
    alpha: float
    stabilised: bool = True
    dropout: float = 0.0
    seed: int = 0

    def inject(self, hf: nn.Module, names: Sequence[str]) -> None:
        """Put it beside the named modules, in place; the same for the same seed.

        Raises:
            ReshapeError: its rank is above that of a module.
        """
        from peft import LoraConfig, inject_adapter_in_model

        most = min(min(hf.get_submodule(name).weight.shape) for name in names)  # pyright: ignore
        if self.rank > most:
            raise ReshapeError(
                f"an adapter of rank {self.rank} is no smaller than the model's projections, whose "
                f"rank is {most}: choose a lower rank, or 0 to train the weights themselves"
            )
        settings = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # pyright: ignore[reportArgumentType]
            lora_dropout=self.dropout,
            use_rslora=self.stabilised,
            target_modules=list(names),
            fan_in_fan_out=isinstance(hf.get_submodule(names[0]), Conv1D),
        )
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            inject_adapter_in_model(settings, hf, adapter_name=NAME)


def factors(name: str) -> tuple[str, str]:
    """The names of the parameters beside a module: what reads, and what writes."""
    return f"{name}.lora_A.{NAME}.weight", f"{name}.lora_B.{NAME}.weight"


def dropouts(hf: nn.Module) -> list[nn.Module]:
    """What drops out in an adapter, and in nothing else of the model."""
    return [m for path, m in hf.named_modules() if path.endswith(f"lora_dropout.{NAME}")]


def product(module: Any) -> LowRank:
    """What an adapter adds to a module's weight, as it is now."""
    return LowRank(
        down=module.lora_A[NAME].weight.detach().clone(),
        up=module.lora_B[NAME].weight.detach().clone(),
        scaling=float(module.scaling[NAME]),
        transposed=isinstance(module.base_layer, Conv1D),
    )
