"""Cutting a circuit out of its model."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from ..circuits import Circuit
from ..errors import CircuitError, InterventionError
from ..interventions import Mean, Replacement, Where, Zero, circuit_replacement
from ..models import Model, Sliced, layers_of, quiet
from ._build import build
from ._cut import Fill, LayerCut, cut_layer
from ._pin import first_position
from ._uniform import build_uniform


def extract(
    model: Model,
    circuit: Circuit,
    replacement: Replacement | str = "zero",
    *,
    first_tokens: Sequence[int] | None = None,
    layout: Literal["per_layer", "uniform"] = "per_layer",
    multiple: int = 16,
    transfer: bool = False,
) -> Model:
    """A model of its own that computes exactly what the circuit computes in the original.

    Under zero and mean replacement a dropped channel or head takes its rows and columns with it;
    its mean goes into a bias. Uneven heads per key/value group are exact. Where the channels of a
    site compete (AbsTopK), all are still computed, since a dropped one may push out a kept one;
    only the kept ones go on from there. The original is not changed and shares no memory with the
    result.

    Args:
        model: the original.
        circuit: what to keep.
        replacement: `zero`, `mean` (with the means that the circuit carries), or a `Zero` or
            `Mean` of your own, which also say whether the first position is exempt.
        first_tokens: where the first position is exempt, the tokens that the model will see
            there; default: those that the circuit's origin lists. A sequence that starts with
            another token is computed by the cut model throughout.
        layout: `per_layer` cuts each layer to its own size; `uniform` gives all layers the
            widest one's, padded with zeros, and loads in stock transformers.
        multiple: an MLP that keeps 8 times as many channels or more gets empty ones up to a
            multiple of this, since matrix products of odd widths are slow; 1 for none.
        transfer: allow a circuit that was found in other weights of the same shape.

    Raises:
        CircuitError: the circuit does not fit the model, or the model is itself extracted.
        InterventionError: the replacement is not one that a smaller model can express, or the
            first position is exempt and its tokens are unknown, or cannot be kept by the layout.
    """
    circuit.check(model, transfer=transfer)
    if isinstance(model.hf, Sliced):
        raise CircuitError(f"{model.name} is itself extracted: cut the model it came from")
    fill_with = as_static(replacement, circuit)
    gates = circuit.universe.expand(circuit.kept)
    tokens = _first_tokens(circuit, fill_with, first_tokens, layout)
    return slice_model(model, gates, fill_with, tokens, layout=layout, multiple=multiple)


def slice_model(
    model: Model,
    gates: Mapping[Where, Tensor],
    replacement: Zero | Mean,
    first_tokens: Sequence[int],
    *,
    layout: Literal["per_layer", "uniform"] = "per_layer",
    multiple: int = 16,
    share: bool = False,
) -> Model:
    """`extract` without its checks, for gates instead of a circuit.

    With `share` the result holds the original's own embeddings and norms: right for a model that
    is measured and thrown away.
    """
    with quiet():
        fill = Fill(model, gates, replacement)
        layers = enumerate(layers_of(model.hf, model.anatomy.family))
        cuts = [cut_layer(model, index, block, fill, multiple) for index, block in layers]
        return _assembled(model, cuts, fill, first_tokens, layout=layout, share=share)


def _assembled(
    model: Model,
    cuts: list[LayerCut],
    fill: Fill,
    first_tokens: Sequence[int],
    *,
    layout: str,
    share: bool,
) -> Model:
    outside, untied = outside_layers(model, fill, share=share)
    name = f"{model.name} (extracted)"
    if layout == "uniform":
        return model.sibling(build_uniform(model, cuts, outside, untied=untied), name)
    pins = None
    if first_tokens:
        changed = [i for i, cut in enumerate(cuts) if cut.reads_changed]
        pins = first_position(model, first_tokens, changed)
    small = build(model, cuts, outside, pins, untied=untied)
    return model.sibling(small, name)


def as_static(replacement: Replacement | str, circuit: Circuit) -> Zero | Mean:
    """The replacement as one that weights can express.

    Raises:
        InterventionError: it is not, or `mean` is asked of a circuit that carries no means.
    """
    replacement = circuit_replacement(circuit, replacement)
    if not isinstance(replacement, Zero | Mean):
        raise InterventionError(
            f"a model cannot be cut out under {replacement.name} replacement, which needs a second "
            "input at run time; use Zero or Mean"
        )
    if replacement.positions not in ("all", "all_but_first"):
        raise InterventionError(
            "a model cannot be cut out for chosen positions; use positions='all' or 'all_but_first'"
        )
    return replacement


def _first_tokens(
    circuit: Circuit, replacement: Zero | Mean, given: Sequence[int] | None, layout: str
) -> list[int]:
    if replacement.positions == "all":
        return []
    if layout == "uniform":
        raise InterventionError(
            "stock transformers cannot exempt the first position: for layout='uniform' pass a "
            "replacement with positions='all'"
        )
    tokens = circuit.origin.get("first_tokens") if given is None else given
    if not tokens:
        raise InterventionError(
            "the first position is exempt from replacement, so the model needs to know which "
            "tokens stand there: pass first_tokens=task.first_tokens, or a replacement with "
            "positions='all'"
        )
    return [int(token) for token in tokens]


def outside_layers(
    model: Model, fill: Fill, *, share: bool = False
) -> tuple[dict[str, Tensor], bool]:
    """Weights that lie in no layer, with the embedding edited if it is in the circuit's universe.

    Also whether that edit ended the sharing of embedding and unembedding.
    """
    family = model.anatomy.family
    prefix = family.layers + "."
    shared = {
        name: tensor
        for name, tensor in model.hf.state_dict().items()
        if not name.startswith(prefix)
    }
    tied = set(model.hf.all_tied_weights_keys) & set(shared)
    drop = fill.of(0, "embed")
    edited = drop is not None
    tensors = {
        name: tensor if share else tensor.clone()
        for name, tensor in shared.items()
        if edited or name not in tied
    }
    if drop is not None:
        fixed, value = drop
        table = model.hf.get_submodule(family.embed_tables[0])
        value = value / float(getattr(table, "embed_scale", 1.0))
        tables = (f"{path}.weight" for path in family.embed_tables)
        *rest, last = (name for name in tables if name in shared)
        for name in rest:  # GPT-2 sums two tables: the token's gives 0, the position's the value
            tensors[name] = tensors[name] * ~fixed
        tensors[last] = torch.where(fixed, value.to(tensors[last]), tensors[last])
    return tensors, edited
