"""Finding a family's sites in a loaded model."""

from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

from ..errors import ModelError, nearest
from ._family import Family, Fused
from ._shape import ModelShape
from ._sites import SITES, Site
from ._taps import Tap, head_channels
from .families import FAMILIES
from .modeling_tapeout import Constant


@dataclass(frozen=True)
class Anatomy:
    """The sites of one model: its family, its shape, and a tap for every (layer, site) it has."""

    family: Family
    shape: ModelShape
    taps: dict[tuple[int, Site], Tap]


def family_of(hf: nn.Module) -> Family:
    """The family of a loaded causal LM.

    Raises:
        ModelError: the module has no config, or its architecture is not supported.
    """
    config = getattr(hf, "config", None)
    model_type = getattr(config, "model_type", None)
    if not isinstance(model_type, str):
        raise ModelError(
            f"{type(hf).__name__} has no `config.model_type`: Tapeout works on Hugging Face "
            "causal language models; pass the model itself, not a wrapper or a part of it"
        )
    if model_type not in FAMILIES:
        hint = nearest(model_type, FAMILIES)
        raise ModelError(f"model family {model_type!r} is not supported: {hint}")
    return FAMILIES[model_type]


def in_features(module: nn.Module) -> int:
    """Inputs of a projection, whether it is stored as `Linear` or as GPT-2's `Conv1D`."""
    return _stored(module).weight.shape[0 if isinstance(_stored(module), Conv1D) else 1]


def out_features(module: nn.Module) -> int:
    """Outputs of a projection, whether it is stored as `Linear` or as GPT-2's `Conv1D`."""
    return _stored(module).weight.shape[1 if isinstance(_stored(module), Conv1D) else 0]


def _stored(module: nn.Module) -> Any:
    """The projection itself, where an adapter (PEFT) is wrapped around it."""
    return getattr(module, "base_layer", module)


def head_dim_of(config: Any) -> int:
    """Channels of a head."""
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def behind(layer: nn.Module, path: str | None) -> nn.Module | None:
    """The module between a projection and its site; None if there is none, or it does nothing."""
    module = None if path is None else layer.get_submodule(path)
    return None if isinstance(module, nn.Identity) else module


def layers_of(hf: nn.Module, family: Family) -> list[nn.Module]:
    """The modules of the layers, in order."""
    return list(hf.get_submodule(family.layers).children())


def dissect(hf: nn.Module) -> Anatomy:
    """Map a causal LM to sites.

    Raises:
        ModelError: the family is not supported, or a module that it should have is missing.
    """
    family = family_of(hf)
    head_dim = head_dim_of(getattr(hf, "config", None))
    try:
        layers = layers_of(hf, family)
        taps = {(0, "embed"): Tap(hf.get_submodule(family.embed), "out")}
        for index, layer in enumerate(layers):
            for site, tap in _layer_taps(family, layer, head_dim).items():
                taps[index, site] = tap
        d_model = in_features(hf.get_submodule(family.embed_tables[0]))
    except AttributeError as error:
        raise ModelError(
            f"{type(hf).__name__} says it is a {family.name}, but a part is missing: {error}"
        ) from error
    widths = {
        site: tuple(
            _width(family, layers[i], site, head_dim, d_model) if (i, site) in taps else 0
            for i in range(len(layers))
        )
        for site in SITES
    }
    shape = ModelShape(family=family.name, head_dim=head_dim, widths=widths)
    return Anatomy(family=family, shape=shape, taps=taps)


def _layer_taps(family: Family, layer: nn.Module, head_dim: int) -> dict[Site, Tap]:
    taps: dict[Site, Tap] = {}
    attn, mlp = layer.get_submodule(family.attn.path), layer.get_submodule(family.mlp.path)
    if not isinstance(attn, Constant):
        out = layer.get_submodule(family.out)
        taps["attn.act_in"] = Tap(attn, "in")
        taps |= _qkv_taps(family, layer, head_dim, in_features(out))
        taps["attn.z"] = Tap(out, "in")
        taps["attn.resid_delta"] = Tap(layer.get_submodule(family.attn.write or family.out), "out")
    if not isinstance(mlp, Constant):
        down = layer.get_submodule(family.down)
        taps["mlp.act_in"] = Tap(mlp, "in")
        taps["mlp.post_act"] = Tap(down, "in")
        taps["mlp.resid_delta"] = Tap(layer.get_submodule(family.mlp.write or family.down), "out")
    return taps


def _reader(family: Family, site: Site) -> str:
    """A projection that reads what a block is fed."""
    if site == "mlp.act_in":
        return family.gate_up[0]
    return family.qkv.path if isinstance(family.qkv, Fused) else family.qkv[0]


def _qkv_taps(family: Family, layer: nn.Module, head_dim: int, z_width: int) -> dict[Site, Tap]:
    sites: tuple[Site, Site, Site] = ("attn.q", "attn.k", "attn.v")
    where = family.qkv if family.behind_qkv is None else family.behind_qkv
    if not isinstance(where, Fused):
        paths = zip(sites, where, strict=True)
        return {site: Tap(layer.get_submodule(path), "out") for site, path in paths}
    module = layer.get_submodule(where.path)
    if where.order == "heads":
        heads = z_width // head_dim
        return {
            site: Tap(module, "out", head_channels(heads, head_dim, part))
            for part, site in enumerate(sites)
        }
    kv = (out_features(module) - z_width) // 2
    bounds = (0, z_width, z_width + kv, z_width + 2 * kv)
    return {
        site: Tap(module, "out", slice(bounds[part], bounds[part + 1]))
        for part, site in enumerate(sites)
    }


def _width(family: Family, layer: nn.Module, site: Site, head_dim: int, d_model: int) -> int:
    if site == "mlp.post_act":
        return in_features(layer.get_submodule(family.down))
    if site == "attn.z":
        return in_features(layer.get_submodule(family.out))
    if site in ("attn.act_in", "mlp.act_in"):  # more than the stream where positions are beside it
        return in_features(layer.get_submodule(_reader(family, site)))
    if site in ("attn.q", "attn.k", "attn.v"):
        if family.behind_qkv:
            return in_features(layer.get_submodule(family.out))
        tap = _qkv_taps(family, layer, head_dim, in_features(layer.get_submodule(family.out)))[site]
        if tap.channels is None:
            return out_features(tap.module)
        if isinstance(tap.channels, slice):
            return tap.channels.stop - tap.channels.start
        return len(tap.channels)
    return d_model
