"""A causal LM whose layers have sizes of their own, as Tapeout's extraction writes it.

This file needs only PyTorch and transformers, and a copy of it lies beside every extracted model,
so that ``AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)`` opens the model
where Tapeout is not installed. With Tapeout, ``tapeout.load(folder)`` runs no code of the folder.

The config keeps the original architecture's type. ``per_layer_config`` says, in transformers' own
schema, what each layer became; ``config.tapeout`` says how to build it: which projections have
another size or a bias, and which blocks have become a constant.
"""

import functools
import importlib
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

ARCHITECTURES = {
    "gpt2": "GPT2LMHeadModel",
    "gpt_neox": "GPTNeoXForCausalLM",
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "olmo2": "Olmo2ForCausalLM",
    "phi3": "Phi3ForCausalLM",
}
OWN = {"weight_sparse": "modeling_weight_sparse.SlicedWeightSparseForCausalLM"}
"""Where classes are, beside this file, whose stock class is Tapeout's own."""


class Constant(nn.Module):
    """What is left of a block whose output no longer depends on its input."""

    def __init__(self, d_model: int, as_tuple: bool) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(d_model))
        self.as_tuple = as_tuple

    def forward(self, *args: Any, **kwargs: Any) -> Tensor | tuple[Tensor, None]:
        return (self.value, None) if self.as_tuple else self.value


class NormThenSelect(nn.Module):
    """A module that needs all channels, of which only some go on: OLMo-2's query and key norms,
    and AbsTopK."""

    def __init__(self, norm: nn.Module, channels: int) -> None:
        super().__init__()
        self.norm = norm
        self.register_buffer("channels", torch.arange(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)[..., self.channels]


class Overwrite(nn.Module):
    """A module of whose output some channels are fixed: ``keep * output + value``."""

    def __init__(self, inner: nn.Module, width: int) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("keep", torch.ones(width))
        self.register_buffer("value", torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * self.keep + self.value


def first_positions(
    input_ids: Tensor, attention_mask: Any, position_ids: Tensor | None, past: int
) -> Tensor:
    """Where the first token of each sequence is, as booleans of shape [batch, pos].

    Under left padding that is the first token that the mask lets through; in a cached step no
    position is a first one.
    """
    batch, length = input_ids.shape
    here = torch.arange(length, device=input_ids.device)[None]
    if isinstance(attention_mask, Tensor) and attention_mask.dim() == 2:
        start = attention_mask.to(torch.int8).argmax(dim=1, keepdim=True)
        return here == start - (attention_mask.shape[1] - length)
    if position_ids is not None and attention_mask is not None:
        return (position_ids == 0).expand(batch, length)
    return (here + past == 0).expand(batch, length)


def seen_tokens(past_key_values: Any) -> int:
    """Tokens that a cache holds; right also where the first layers never write to it."""
    if past_key_values is None:
        return 0
    slots = range(len(past_key_values))
    return max((int(past_key_values.get_seq_length(slot)) for slot in slots), default=0)


class Sliced:
    """Mixed into a stock causal LM: builds each layer as ``config.tapeout`` says."""

    FILES = ("modeling_tapeout.py",)

    def __init__(self, config: Any, *args: Any, **kwargs: Any) -> None:
        config.allow_global_per_layer_attribute_access = True
        super().__init__(config, *args, **kwargs)  # pyright: ignore[reportCallIssue]
        plan = config.tapeout
        for path, (d_in, d_out, bias) in plan["linear"].items():
            kind = type(self.get_submodule(path))  # pyright: ignore[reportAttributeAccessIssue]
            self._swap(path, _linear(kind, d_in, d_out, bias))
        for path, channels in plan["select"].items():
            self._swap(path, NormThenSelect(self._at(path), channels))
        widths = plan.get("overwrite_width", {})
        for path in plan["overwrite"]:
            width = widths.get(path, config.hidden_size)
            self._swap(path, Overwrite(self._at(path), width))
        for path, size in plan.get("parameters", {}).items():
            self._swap(path, nn.Parameter(torch.zeros(size)))
        for path, as_tuple in plan["constant"].items():
            self._swap(path, Constant(config.hidden_size, as_tuple))
        for path in plan["identity"]:
            self._swap(path, nn.Identity())
        for path, values in plan["attributes"].items():
            for name, value in values.items():
                setattr(self._at(path), name, value)
        for path, layer in plan["layer_config"].items():
            self._at(path).config = config.per_layer_config[layer]
        self._pin_first(plan)
        if sum(plan["constant"].values()) == config.num_hidden_layers:
            self.register_forward_hook(  # pyright: ignore[reportAttributeAccessIssue]
                _count, with_kwargs=True
            )

    def _at(self, path: str) -> Any:
        return self.get_submodule(path)  # pyright: ignore[reportAttributeAccessIssue]

    def _swap(self, path: str, new: nn.Module | nn.Parameter) -> None:
        parent, _, name = path.rpartition(".")
        setattr(self._at(parent), name, new)

    def _pin_first(self, plan: dict[str, Any]) -> None:
        """Give the first position the vectors that it had in the uncut model.

        Language models park massive activations there, so the cut exempts it. Causal attention
        makes its residual stream (and the keys and values that later positions read) a function
        of the first token alone: tables over the tokens that the model was cut for are exact.
        """
        self._first: tuple[Tensor, Tensor, Tensor] | None = None
        self.register_forward_pre_hook(  # pyright: ignore[reportAttributeAccessIssue]
            Sliced._before, with_kwargs=True
        )
        tables = [torch.zeros(len(plan["first_tokens"]), width) for _, width in plan["pinned"]]
        self.first = nn.ParameterList(nn.Parameter(table, requires_grad=False) for table in tables)
        for index, (path, _) in enumerate(plan["pinned"]):
            self._at(path).register_forward_hook(functools.partial(self._pin, index))

    def _before(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Find the first positions, and fill in position ids that a cache would get wrong."""
        input_ids = args[0] if args else kwargs.get("input_ids")
        cache, position_ids = kwargs.get("past_key_values"), kwargs.get("position_ids")
        past = seen_tokens(cache)
        self._first = None
        if input_ids is None:
            return None
        if position_ids is None and past:
            here = torch.arange(input_ids.shape[1], device=input_ids.device)
            kwargs["position_ids"] = position_ids = (here + past)[None]
        tokens = self.config.tapeout["first_tokens"]  # pyright: ignore[reportAttributeAccessIssue]
        if tokens:
            mask = kwargs.get("attention_mask")
            first = first_positions(input_ids, mask, position_ids, past)
            rows, columns = first.nonzero(as_tuple=True)
            table = {token: place for place, token in enumerate(tokens)}
            places = [table.get(token, -1) for token in input_ids[rows, columns].tolist()]
            found = torch.tensor(places, device=rows.device, dtype=torch.long)
            rows, columns, found = (t[found >= 0] for t in (rows, columns, found))
            if len(found):
                self._first = (rows, columns, found)
        return args, kwargs

    def _pin(self, index: int, module: nn.Module, args: Any, output: Tensor) -> Tensor | None:
        if self._first is None:
            return None
        rows, columns, found = self._first
        output = output.clone()
        output[rows, columns] = self.first[index][found].to(output.dtype)
        return output


def _count(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
    """Where no attention is left, nothing else would tell a cache how many tokens it has seen."""
    cache = getattr(output, "past_key_values", None)
    ids = args[0] if args else kwargs.get("input_ids")
    if cache is not None and ids is not None:
        tokens = output.logits.new_zeros(*ids.shape, 1)[:, None]
        cache.update(tokens, tokens, 0)


def _linear(kind: type[nn.Module], d_in: int, d_out: int, bias: bool) -> nn.Module:
    if issubclass(kind, Conv1D):
        return Conv1D(d_out, d_in)
    return nn.Linear(d_in, d_out, bias=bias)


@functools.cache
def sliced_class(model_type: str) -> type[Any]:
    """The class for an architecture: a subclass of its stock causal LM."""
    if model_type in OWN:
        file, _, name = OWN[model_type].partition(".")
        return getattr(importlib.import_module(f".{file}", __package__), name)
    base = getattr(transformers, ARCHITECTURES[model_type])
    name = "Sliced" + base.__name__
    return type(name, (Sliced, base), {"__module__": __name__, "__doc__": Sliced.__doc__})


def __getattr__(name: str) -> Any:
    for model_type, architecture in ARCHITECTURES.items():
        if name == "Sliced" + architecture:
            return sliced_class(model_type)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
