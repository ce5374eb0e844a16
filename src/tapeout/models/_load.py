"""From whatever names a model to a handle on it."""

import json
import re
import struct
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import ModelError, nearest
from . import _released as released
from ._aliases import ALIASES, fetch
from ._anatomy import family_of
from ._gguf import read_gguf
from ._model import Model
from ._probe import probe
from ._quiet import quiet
from .families import FAMILIES
from .modeling_tapeout import OWN, sliced_class


def load(
    source: str | Path | nn.Module | Model,
    *,
    tokenizer: Any = None,
    dtype: str | torch.dtype = "auto",
    device: str | torch.device | None = None,
    trust_remote_code: bool = False,
    check: bool = True,
) -> Model:
    """A handle on a causal language model.

    Args:
        source: an alias (`smollm2`), a folder (also one of OpenAI's released weight-sparse models:
            `beeg_config.json`, `final_model.pt`), a `.gguf` file, a hub id, or a model in memory.
        tokenizer: for a model in memory; otherwise the one that lies beside the weights.
        dtype: of the weights; `auto` keeps what the file has (float32 for a GGUF file).
        device: where the model goes; None is the GPU if there is one. A model in memory stays.
        trust_remote_code: let transformers run code that lies in the folder or repository.
        check: run four tokens and compare every site with the family's anatomy.

    Raises:
        ModelError: there is no such model, its files are incomplete or damaged, its family is not
            supported, or a site is not where the family's anatomy says.
    """
    if isinstance(source, Model):
        return source
    if isinstance(source, nn.Module):
        model = Model(source, tokenizer)
    else:
        with quiet():
            hf, own_tokenizer = _read(str(source), _dtype(dtype), trust_remote_code)
        where = device or ("cuda" if torch.cuda.is_available() else "cpu")
        model = Model(hf.to(where).eval(), tokenizer or own_tokenizer, name=str(source))
    if check:
        probe(model)
    return model


def _dtype(dtype: str | torch.dtype) -> str | torch.dtype:
    if isinstance(dtype, torch.dtype) or dtype == "auto":
        return dtype
    found = getattr(torch, dtype, None)
    if not isinstance(found, torch.dtype):
        known = ("auto", "float32", "bfloat16", "float16")
        raise ModelError(f"unknown dtype {dtype!r}: {nearest(dtype, known)}")
    return found


def _read(source: str, dtype: str | torch.dtype, trust_remote_code: bool) -> tuple[Any, Any]:
    if source in ALIASES:
        return _read_folder(fetch(source), dtype, trust_remote_code)
    path = Path(source).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ModelError(f"there is no file {source}")
        return read_gguf(path, torch.float32 if isinstance(dtype, str) else dtype)
    if path.is_dir():
        return _read_folder(path, dtype, trust_remote_code)
    if path.exists():
        raise ModelError(f"{source} is a file: pass the model's folder, or a .gguf file")
    if source.startswith((".", "/", "~")) or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source):
        raise ModelError(f"there is no folder {source}")
    return _read_hub(source, dtype, trust_remote_code)


def _read_folder(
    folder: Path, dtype: str | torch.dtype, trust_remote_code: bool
) -> tuple[Any, Any]:
    if (folder / released.CONFIG).is_file():
        return released.read(folder, dtype), _tokenizer(str(folder), False)
    config = _check_folder(folder)
    if config.get("model_type") in OWN:  # known to transformers once its module is there
        sliced_class(config["model_type"])
    if "tapeout" in config:
        family = config.get("model_type")
        if family not in FAMILIES:
            raise ModelError(f"{folder}: extracted from an unknown family {family!r}")
        return _pretrained(sliced_class(family), str(folder), dtype), _tokenizer(str(folder), False)
    from transformers import AutoModelForCausalLM

    options = {"trust_remote_code": trust_remote_code}
    hf = _pretrained(AutoModelForCausalLM, str(folder), dtype, **options)
    return hf, _tokenizer(str(folder), trust_remote_code)


def _check_folder(folder: Path) -> dict[str, Any]:
    """The folder's config, once everything it names is there and whole.

    transformers reports a half-written folder in many ways, some of them silent.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"{folder} is not a model's folder: it has no config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}") from error
    index = folder / "model.safetensors.index.json"
    names = ["model.safetensors"]
    if index.is_file():
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    elif not (folder / names[0]).is_file() and list(folder.glob("pytorch_model*.bin")):
        return config
    for name in names:
        _check_safetensors(folder / name)
    return config


def _check_safetensors(path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"{path.parent} is incomplete: {path.name} is missing; write it again")
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length)) if length < size else {}
        ends = [
            entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"
        ]
        whole = bool(ends) and 8 + length + max(ends) == size
    except (struct.error, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise ModelError(
            f"{path} is damaged or was not written to its end ({size:,} bytes); write it again"
        )


def _read_hub(source: str, dtype: str | torch.dtype, trust_remote_code: bool) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM

    try:
        hf = _pretrained(AutoModelForCausalLM, source, dtype, trust_remote_code=trust_remote_code)
        return hf, _tokenizer(source, trust_remote_code)
    except ModelError as error:
        raise ModelError(
            f"{source!r} is neither an alias ({nearest(source, ALIASES)}) nor a folder, and it "
            f"could not be had from the hub: {error}"
        ) from error


def _pretrained(kind: Any, source: str, dtype: str | torch.dtype, **options: Any) -> Any:
    try:
        hf = kind.from_pretrained(source, dtype=dtype, **options)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"cannot load {source}: {first}") from error
    family_of(hf)
    return hf


def _tokenizer(source: str, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a model without a tokenizer is still a model; asking for it says so
