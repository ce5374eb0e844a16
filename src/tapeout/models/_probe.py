"""One tiny forward that checks, when a model is loaded, that its sites are where they should be."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ._anatomy import layers_of
from ._model import Model
from ._taps import Tap, Watch, attached
from ._tokens import Tokens
from .modeling_tapeout import Constant

TOKENS = 4


def probe(model: Model) -> None:
    """Run four tokens and compare every site with what the family says of it.

    Checked are the width of each site, that every layer adds exactly its two writes to the
    residual stream, and that the result is finite.

    Raises:
        ModelError: names the first site, layer or weight that does not fit.
    """
    _check_weights(model)
    seen: dict[Any, Tensor] = {}
    layers = layers_of(model.hf, model.anatomy.family)
    taps: dict[Any, Tap] = dict(model.anatomy.taps)
    for side in ("in", "out"):
        for i, layer in enumerate(layers):
            taps[i, side] = Tap(layer, side)
            for path in model.anatomy.family.stream:
                taps[i, path, side] = Tap(layer.get_submodule(path), side)
    vocab = model.hf.get_input_embeddings().weight.shape[0]
    ids = torch.arange(1, TOKENS + 1, device=model.device)[None] % vocab
    watches: list[tuple[Tap, Watch]] = [
        (tap, partial(_keep, seen, key)) for key, tap in taps.items()
    ]
    with torch.no_grad(), model.frozen(), attached(watches):
        logits = model.logits(Tokens(ids))
    _check_widths(model, seen)
    if not torch.isfinite(logits).all():
        raise ModelError(
            f"{model.name}: four tokens give NaN or infinite logits in {logits.dtype}; try "
            "dtype='float32'"
        )
    for i, layer in enumerate(layers):
        _check_stream(model, i, layer, seen)


def _keep(seen: dict[Any, Tensor], key: Any, whole: Tensor) -> None:
    seen[key] = whole.detach()


def _check_weights(model: Model) -> None:
    for name, p in model.hf.named_parameters():
        # one NaN or infinity makes the sum so: a fraction of the time of looking at each value
        if not torch.isfinite(p.detach().sum(dtype=torch.float64)):
            raise ModelError(f"{model.name}: weight {name} holds NaN or infinite values")


def _check_widths(model: Model, seen: dict[Any, Tensor]) -> None:
    for (layer, site), tap in model.anatomy.taps.items():
        if (layer, site) not in seen:
            raise ModelError(f"{model.name}: no forward ever reached {site} of layer {layer}")
        width = tap.select(seen[layer, site]).shape[-1]
        expected = model.shape.width(layer, site)
        if width != expected:
            raise ModelError(
                f"{model.name}: {site} of layer {layer} has {width} channels, expected {expected}"
            )


def _check_stream(model: Model, layer: int, block: nn.Module, seen: dict[Any, Tensor]) -> None:
    """A layer's output less its input is the sum of its writes (not at a pinned first position).

    What the stream's own activations change is no write, and left out.
    """
    before, after = seen[layer, "in"], seen[layer, "out"]
    total = torch.zeros_like(before, dtype=torch.float32)
    for site in ("attn.resid_delta", "mlp.resid_delta"):
        if (layer, site) in seen:
            total = total + seen[layer, site].float()
    for path in model.anatomy.family.stream:
        total = total + seen[layer, path, "out"].float() - seen[layer, path, "in"].float()
    for module in block.modules():
        if isinstance(module, Constant):
            total = total + module.value.detach().float()
    gap = (after.float() - before.float() - total)[:, 1:].abs().max().item()
    scale = after.float()[:, 1:].abs().max().item() + total.abs().max().item()
    tolerance = 1e-4 if before.dtype == torch.float32 else 0.05
    if gap > tolerance * max(scale, 1e-3):
        raise ModelError(
            f"{model.name}: layer {layer} does not add its attn.resid_delta and mlp.resid_delta to "
            f"the residual stream (off by {gap:.3g}); this variant of {model.shape.family} is not "
            "supported"
        )
