"""Gradients of a whole data set, batch by batch, in memory or on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..errors import DecomposeError
from ..models import Model, Tokens
from ._compute import GradientPath, Taking
from ._gradients import ExplicitGradients, Gradients
from ._network import Samples, rows_of
from ._references import draw_references
from ._store import Store, StoredGradients, hashed
from ._structured import StructuredGradients

Taken = ExplicitGradients | StructuredGradients


@dataclass(frozen=True, kw_only=True)
class GradientConfig:
    """How gradients are taken.

    Attributes:
        divergence: `mse`, `public-code` or `kl`.
        parameters: names or globs of the parameters to differentiate by.
        samples: `row`, `last` or `token`, as in `gradients`.
        path: `auto`, `general` or `structured`, as in `gradients`.
        batch_size: rows in a batch, about; on disk, in a file.
        rows_at_once: rows in one forward and backward.
    """

    divergence: str = "mse"
    parameters: tuple[str, ...] = ("*",)
    samples: Samples = "row"
    path: GradientPath = "auto"
    batch_size: int = 64
    rows_at_once: int = 16


@dataclass(frozen=True, kw_only=True)
class Collecting(GradientConfig):
    """How the gradients of a data set are taken, each sample against another one of it.

    Attributes:
        references: whether a sample is compared with one of its batch or of all the data.
        itself: also with itself.
        seed: of the references.
    """

    references: Literal["batch", "data"] = "batch"
    itself: bool = False
    seed: int = 0


def collect(
    model: nn.Module | Model,
    inputs: Tensor | Tokens,
    config: Collecting | None = None,
    *,
    folder: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Gradients:
    """The gradients of every sample of a data set.

    Args:
        model: any module that maps rows to rows, or a language model.
        inputs: shape [rows, ...]; token sequences are of one length.
        config: how.
        folder: where to write them instead of keeping them in memory; where it holds some of
            them, the rest is added.
        progress: called with the batches done and all of them.

    Raises:
        DecomposeError: no such parameter, divergence or samples; the structured path was asked for
            and does not fit; or the folder holds something else.
    """
    config = config or Collecting()
    rows = rows_of(inputs)
    if not len(rows):
        raise DecomposeError("there are no rows to take gradients of")
    taking = taking_of(model, config)
    batches = torch.arange(len(rows)).tensor_split(ceil(len(rows) / config.batch_size))
    with taking.network.frozen():
        each = taking.outputs(rows[:1]).shape[1]
        drawn = _drawn(config, [len(batch) * each for batch in batches])

        def batch(number: int) -> Taken:
            compared = _compared(taking, rows, drawn[number], each)
            return taking.of(rows[batches[number]], compared)

        store = None
        if folder is not None:
            of = about(taking, config, {"inputs": rows})
            store = Store.create(Path(folder), of, [len(own) for own in drawn])
        return gathered(taking, batch, len(batches), store, progress)


def gathered(
    taking: Taking,
    batch: Callable[[int], Taken],
    count: int,
    store: Store | None,
    progress: Callable[[int, int], None] | None,
) -> Gradients:
    """All batches' gradients, one after the other, in memory or in a store.

    Args:
        taking: what takes them, its network frozen.
        batch: the gradients of one.
        count: how many there are.
        store: where to write them; what it holds already is not taken again.
        progress: called with the batches done and all of them.
    """
    todo = list(range(count)) if store is None else store.missing()
    kept: list[Taken] = []
    if store is not None and len(todo) < count:
        taking.path = store.path  # batches of both kinds would not join
    for done, number in enumerate(todo, count - len(todo) + 1):
        found = batch(number)
        if store is None:
            kept.append(found)
        else:
            store.write(number, found)
        if progress is not None:
            progress(done, count)
    return joined(kept) if store is None else StoredGradients.load(store.folder)


def taking_of(model: nn.Module | Model, config: GradientConfig) -> Taking:
    """What takes gradients of a model.

    Raises:
        DecomposeError: no such parameter, divergence, samples or path.
    """
    names = ("divergence", "parameters", "samples", "path", "rows_at_once")
    return Taking(model, *(getattr(config, name) for name in names))


def about(taking: Taking, config: GradientConfig, data: Mapping[str, Tensor]) -> dict[str, Any]:
    """What gradients on disk are of: the settings, and hashes of model and data."""
    module = taking.network.module
    settings = asdict(config)
    del settings["rows_at_once"]  # memory's only
    weights = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return settings | {"model": hashed(weights), "inputs": hashed(data)}


def _drawn(config: Collecting, counts: list[int]) -> list[Int[Tensor, " samples"]]:
    """What the samples of every batch are compared with, by places in all the data."""
    generator = torch.Generator().manual_seed(config.seed)
    if config.references == "data":
        return list(draw_references(sum(counts), generator, itself=config.itself).split(counts))
    starts = [sum(counts[:batch]) for batch in range(len(counts))]
    return [
        start + draw_references(count, generator, itself=config.itself)
        for start, count in zip(starts, counts, strict=True)
    ]


def _compared(
    taking: Taking, rows: Tensor, places: Int[Tensor, " samples"], each: int
) -> Float[Tensor, "rows each ..."]:
    """Outputs of the samples at some places, without running a row twice."""
    needed, where = (places // each).unique(return_inverse=True)
    found = taking.outputs(rows[needed])[where, places % each]
    return found.reshape(-1, each, *found.shape[1:])


def joined(kept: Sequence[Taken]) -> Taken:
    """The samples of batches of one kind, one after the other."""
    structured = [part for part in kept if isinstance(part, StructuredGradients)]
    if structured:
        return StructuredGradients.cat(structured)
    return ExplicitGradients.cat([part for part in kept if isinstance(part, ExplicitGradients)])
