"""What nodes hold at every token of single prompts, and where heads attend there."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...circuits import Circuit
from ...models import Model
from ...tasks import Split
from ._attention import watched_attention
from ._recorded import check_pairs, columns_of, names_of, seen_in

MOST_TOKENS = 48

Head = tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class PromptActivations:
    """One prompt, its last tokens.

    Attributes:
        tokens: one by one.
        cut: how many came before.
        values: what every node holds at each; shape [nodes, pos].
        attention: of every head, from each token (rows) to each; shape [heads, pos, pos]. Rows sum
            to 1, but for what lies before and what a sink takes.
    """

    tokens: tuple[str, ...]
    cut: int
    values: Float[Tensor, "nodes pos"]
    attention: Float[Tensor, "heads pos pos"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PairsOfPrompts:
    """Both sides of a few pairs, token by token.

    Attributes:
        nodes: names.
        heads: layer and number of every head that a node belongs to.
        split: of which examples.
        pairs: prompt and counterfactual, of one length.
    """

    nodes: tuple[str, ...]
    heads: tuple[Head, ...]
    split: str
    pairs: tuple[tuple[PromptActivations, PromptActivations], ...]


def prompt_activations(
    model: Model,
    circuit: Circuit,
    split: Split,
    *,
    most_tokens: int = MOST_TOKENS,
    transfer: bool = False,
) -> PairsOfPrompts:
    """What every kept node holds at every token of both sides of pairs, and its heads' attention.

    The full model runs. Prompts are followed up to the position that predicts the answer.

    Args:
        model: the model; it is not changed.
        circuit: whose nodes, and whose heads.
        split: examples, each with a counterfactual.
        most_tokens: of a longer prompt, the last so many.
        transfer: allow a circuit that was found in other weights of the same shape.

    Raises:
        CircuitError: the circuit does not fit the model.
        TaskError: an example has no counterfactual.

    Source: weight-sparse transformers, section 3.2 and the viewer released with it.
    """
    circuit.check(model, transfer=transfer)
    check_pairs(split)
    columns, heads = columns_of(circuit), heads_of(model, circuit)
    pairs: dict[int, tuple[PromptActivations, PromptActivations]] = {}
    for batch in split.batches(1, partner="counterfactual"):
        tokens = batch.lockstep_prompts
        with watched_attention(model) as weights:
            seen = seen_in(model, tokens, columns, slice(None))
        sides = [
            _side(model, ids, torch.cat([x[row] for x in seen], dim=1), weights, heads, row)
            for row, ids in enumerate(tokens.ids.tolist())
        ]
        pairs[int(batch.rows[0])] = (_cut(sides[0], most_tokens), _cut(sides[1], most_tokens))
    return PairsOfPrompts(
        nodes=tuple(names_of(circuit, columns)),
        heads=tuple(heads),
        split=split.name,
        pairs=tuple(pairs[row] for row in range(len(split))),
    )


def heads_of(model: Model, circuit: Circuit) -> list[Head]:
    """Heads of which a query, a key, a value or a result is kept, with all that share a key."""
    found: set[Head] = set()
    dim = model.shape.head_dim
    for own in columns_of(circuit):
        layer, site = own.group.layer, own.group.site
        if site not in ("attn.q", "attn.k", "attn.v", "attn.z") or own.group.granularity == "block":
            continue
        sharing = model.shape.heads(layer) // model.shape.heads(layer, site)
        units = dim if own.group.granularity == "channel" else 1
        for head in set((own.index // units).tolist()):
            found |= {(layer, head * sharing + own_head) for own_head in range(sharing)}
    return sorted(found)


def _side(
    model: Model,
    ids: list[int],
    values: Float[Tensor, "pos nodes"],
    weights: Mapping[int, Float[Tensor, "rows heads pos pos"]],
    heads: list[Head],
    row: int,
) -> PromptActivations:
    attention = [weights[layer][row, head].float().cpu() for layer, head in heads]
    empty = torch.empty(0, len(ids), len(ids))
    return PromptActivations(
        tokens=tuple(model.tokenizer.decode([token]) for token in ids),
        cut=0,
        values=values.T,
        attention=torch.stack(attention) if attention else empty,
    )


def _cut(side: PromptActivations, most: int) -> PromptActivations:
    cut = max(len(side.tokens) - most, 0)
    return PromptActivations(
        tokens=side.tokens[cut:],
        cut=cut,
        values=side.values[:, cut:].contiguous(),
        attention=side.attention[:, cut:, cut:].contiguous(),
    )
