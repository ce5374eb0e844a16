"""One forward of a model over a shared cache."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import GenerationError
from ..models import Model
from ._attention import attending, reading
from ._cache import SharedCache


@contextmanager
def at_work(model: Model) -> Iterator[None]:
    """Evaluation mode, no gradients, and attention that shares; all as before at the end."""
    with torch.no_grad(), model.frozen(), attending(model.hf):
        yield


def forward(
    model: Model, cache: SharedCache, ids: Int[Tensor, "rows new"], *, keep: int
) -> Float[Tensor, "rows kept vocab"]:
    """Next-token logits at the last column (`keep` 1) or at all new ones (0).

    Raises:
        GenerationError: a logit at the last column is NaN or infinite.
    """
    start, columns = cache.columns, cache.shared.columns
    cache.begin(ids.shape[1])
    places = torch.arange(start, cache.columns, device=ids.device)[None]
    mask = None
    if cache.padding is not None:
        places = (places - cache.padding[:, None]).clamp(min=0)
        own = torch.arange(cache.columns, device=ids.device) >= cache.padding[:, None]
        mask = torch.cat([own.new_ones(len(own), columns), own], dim=1).long()
    with reading(cache):
        logits = model.hf(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(places + columns).expand(len(ids), -1),
            past_key_values=cache,
            use_cache=True,
            # places, not a number: a slice of columns would make the unembedding go row by row
            logits_to_keep=torch.tensor([-1], device=ids.device) if keep else 0,
        ).logits
    if not bool(logits[:, -1].amax(dim=-1).isfinite().all()):  # a NaN is the largest
        raise GenerationError(
            f"{model.name} gives NaN or infinite logits in {str(logits.dtype)[6:]}: load it with "
            "dtype='float32', or look for what was done to its weights"
        )
    return logits
