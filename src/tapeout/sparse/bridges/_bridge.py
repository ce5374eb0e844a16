"""Bridges: between what a dense and a sparse model hold before each of their sublayers."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...errors import ModelError
from ...models import Model
from ...models.abs_topk import abs_topk

SCHEMA_VERSION = 2
CONFIG, WEIGHTS = "bridges_config.json", "bridges.safetensors"


class Bridge(nn.Module):
    """One place's two maps: a linear one and AbsTopK to the sparse stream, a linear one back.

    Both are between streams in units of their average size, so that they learn as fast wherever
    they stand and however large the sparse model's stream grows in training.

    Attributes:
        dense_rms, sparse_rms: root mean square of the streams there, averaged over tokens.

    Source: weight-sparse transformers, section 2.3.
    """

    dense_rms: Tensor
    sparse_rms: Tensor

    def __init__(self, dense: int, sparse: int, kept: int) -> None:
        super().__init__()
        self.kept = kept
        self.encoder = nn.Linear(dense, sparse)
        self.decoder = nn.Linear(sparse, dense)
        for name in ("dense_rms", "sparse_rms"):
            self.register_buffer(name, torch.ones(()))

    def encode(self, stream: Float[Tensor, "... dense"]) -> Float[Tensor, "... sparse"]:
        scaled = stream.to(self.encoder.weight.dtype) / self.dense_rms
        return abs_topk(self.encoder(scaled) * self.sparse_rms, self.kept)

    def decode(self, stream: Float[Tensor, "... sparse"]) -> Float[Tensor, "... dense"]:
        scaled = stream.to(self.decoder.weight.dtype) / self.sparse_rms
        return self.decoder(scaled) * self.dense_rms


class Bridges(nn.Module):
    """A bridge before each attention and each MLP, in the order in which they run.

    Attributes:
        weights: of the dense and of the sparse model that they belong to, as fingerprints; empty
            before training.
    """

    def __init__(self, places: int, dense: int, sparse: int, *, share: float, seed: int) -> None:
        """Encoders start as rotations, as far as widths allow, and decoders as their inverses.

        Args:
            places: how many bridges.
            dense, sparse: widths of the two streams.
            share: of the sparse channels that AbsTopK keeps.
            seed: of the rotations.

        Raises:
            ModelError: the share keeps nothing, or is above 1.
        """
        super().__init__()
        if not 1 <= (kept := int(share * sparse)) <= sparse:
            raise ModelError(f"a share of {share} of {sparse} channels: give up to 1, and above 0")
        self.share, self.weights = share, ("", "")
        self.bridges = nn.ModuleList(Bridge(dense, sparse, kept) for _ in range(places))
        generator = torch.Generator().manual_seed(seed)
        for bridge in self:
            nn.init.orthogonal_(bridge.encoder.weight, generator=generator)
            with torch.no_grad():
                bridge.decoder.weight.copy_(bridge.encoder.weight.T)
            nn.init.zeros_(bridge.encoder.bias)
            nn.init.zeros_(bridge.decoder.bias)

    def __len__(self) -> int:
        return len(self.bridges)

    def __iter__(self) -> Iterator[Bridge]:
        return iter(cast(Iterable[Bridge], self.bridges))

    def __getitem__(self, place: int) -> Bridge:
        return cast(Bridge, self.bridges[place])

    def check(self, dense: Model, sparse: Model) -> None:
        """See that they belong to these two models.

        Raises:
            ModelError: they are of other ones.
        """
        for what, model, weights in zip(
            ("dense", "sparse"), (dense, sparse), self.weights, strict=True
        ):
            if model.fingerprint.weights != weights:
                raise ModelError(
                    f"these bridges are of a {what} model with other weights than {model.name}'s: "
                    "use the two models that they were trained with"
                )

    def save(self, folder: Path) -> None:
        """Write `bridges.safetensors` and `bridges_config.json`."""
        first = self[0].encoder
        config = {"places": len(self), "dense": first.in_features, "sparse": first.out_features}
        config |= {"share": self.share, "weights": list(self.weights)}
        save_file(self.state_dict(), folder / WEIGHTS)
        text = json.dumps({"schema_version": SCHEMA_VERSION, **config}, indent=1)
        (folder / CONFIG).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Bridges":
        """Open what `save` wrote.

        Raises:
            ModelError: there is nothing, it is damaged, or of a newer schema.
        """
        try:
            config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            if config["schema_version"] != SCHEMA_VERSION:
                version = config["schema_version"]
                raise ModelError(
                    f"the bridges in {folder} have schema {version}, and this Tapeout reads "
                    f"{SCHEMA_VERSION}: open them with the one that wrote them, or train them again"
                )
            sizes = config["places"], config["dense"], config["sparse"]
            bridges = cls(*sizes, share=config["share"], seed=0)
            bridges.load_state_dict(load_file(folder / WEIGHTS))
            bridges.weights = _two(config["weights"])
        except FileNotFoundError as error:
            raise ModelError(f"there are no bridges in {folder}: {error}") from error
        except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(f"the bridges in {folder} are damaged: {error}") from error
        return bridges


def _two(weights: Sequence[str]) -> tuple[str, str]:
    dense, sparse = weights
    return str(dense), str(sparse)
