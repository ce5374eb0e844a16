"""Keeping the largest weights of a matrix, and the largest activations of every row."""

from collections.abc import Iterator

import torch
from torch import Tensor

from tapeout.sparse import abs_topk

from .timing import in_turn

DENSITIES = (0.001, 0.01, 1 / 16, 0.5)
SHARE = 1 / 4
WEIGHTS = {"cpu": [(512, 128), (1024, 256), (2048, 2048)], "cuda": [(4096, 1024), (8192, 2048)]}
ACTIVATIONS = {
    "cpu": [(2048, 128), (2048, 256), (2048, 512), (2048, 1024), (2048, 2048)],
    "cuda": [(65536, 1024), (65536, 4096), (65536, 2048), (32768, 8192)],
}
"""Tokens and channels."""


def rows(device: str, quick: bool) -> Iterator[dict]:
    """What it takes beside `torch.topk` with `scatter`; the floor is one copy of the numbers."""
    times = 2 if quick else 9
    for shape in [(48, 32)] if quick else WEIGHTS[device]:
        weight = torch.randn(shape, device=device).view(1, -1)
        for density in DENSITIES:
            k = max(round(density * weight.numel()), 1)
            yield {"part": "weights", **_row(weight, k, shape, times), "kept_share": density}
    for shape in [(16, 48)] if quick else ACTIVATIONS[device]:
        x = torch.randn(shape, device=device)
        k = int(SHARE * shape[1])
        for written in (1, SHARE / 2):  # where most channels are 0, all rows have ties
            own = x * (torch.rand(shape[1], device=device) < written)
            row = {"part": "activations", **_row(own, k, shape, times), "kept_share": SHARE}
            yield {**row, "channels_not_zero": written}


def by_torch(x: Tensor, k: int) -> Tensor:
    places = x.abs().topk(k, dim=-1, sorted=False).indices
    return torch.zeros_like(x).scatter_(-1, places, x.gather(-1, places))


def _row(x: Tensor, k: int, shape: tuple[int, int], times: int) -> dict:
    sizes = [kept(x, k).abs().sort(dim=-1).values for kept in (abs_topk, by_torch)]
    assert torch.equal(*sizes), "what is timed does not keep the same magnitudes"
    copy = torch.empty_like(x)
    runs = {
        "ours": lambda: abs_topk(x, k),
        "torch": lambda: by_torch(x, k),
        "floor": lambda: copy.copy_(x),
    }
    found = in_turn(runs, times=times, device=x.device.type)
    return {
        "device": x.device.type,
        "rows": shape[0],
        "columns": shape[1],
        **found,
        "times_as_fast": round(found["torch_ms"] / found["ours_ms"], 2),
        "floor_megabytes": round(2 * x.numel() * x.element_size() / 1e6, 3),
        "share_of_floor": round(found["floor_ms"] / found["ours_ms"], 4),
    }
