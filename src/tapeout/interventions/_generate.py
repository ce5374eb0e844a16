"""Greedy generation with a cache, also of pairs in lockstep."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import DynamicCache

from ..models import Model, Tokens


def greedy(
    model: Model,
    tokens: Tokens,
    new_tokens: int,
    *,
    stop: Sequence[int] = (),
    forced: Int[Tensor, "partners new_less_one"] | None = None,
) -> Int[Tensor, "batch new"]:
    """The tokens that greedy decoding appends to each row.

    Call it inside `restrict` to generate from a circuit. Rows that have written a stop token go
    on, so that all rows have one length; cut them there.

    Args:
        model: the model to run.
        tokens: the prompts; for a paired replacement the clean rows, then their partners.
        new_tokens: how many to append.
        stop: end early once every row has written one of these.
        forced: what the partner rows are continued with; they are not decoded and not returned.
    """
    tokens = tokens.to(model.device)
    rows = len(tokens) - (0 if forced is None else len(forced))
    mask, ids, cache = tokens.full_mask, tokens.ids, DynamicCache(config=model.hf.config)
    stops = torch.tensor(list(stop), device=model.device, dtype=torch.long)
    written: list[Tensor] = []
    done = torch.zeros(rows, dtype=torch.bool, device=model.device)
    with torch.no_grad(), model.frozen():
        for step in range(new_tokens):
            positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            output = model.hf(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            chosen = output.logits[:rows, -1].argmax(dim=-1)
            written.append(chosen)
            done |= torch.isin(chosen, stops)
            if bool(done.all()) or step + 1 == new_tokens:
                break
            follow = chosen if forced is None else torch.cat([chosen, forced[:, step].to(chosen)])
            ids = follow[:, None]
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
    return torch.stack(written, dim=1)
