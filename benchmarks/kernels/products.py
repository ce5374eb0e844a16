"""Products by the weights that are not zero, beside products by all of them, on a CPU."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from tapeout.models import Model, Tokens
from tapeout.sparse import (
    WeightSparseConfig,
    WeightSparseForCausalLM,
    count,
    project,
    run_sparse,
    sparse_parameters,
)
from tapeout.sparse._inference import SparseLinear

from .timing import in_turn

DENSITIES = (0.2, 0.1, 0.05, 0.02, 0.01, 0.001)
SIZES = {128: (1, 128, 2048), 256: (1, 128, 2048), 1024: (1, 128, 1024), 2048: (1, 256)}
"""d_model -> tokens at once."""
MODELS = ((256, 4, 0.01), (1024, 2, 0.01))


def rows(quick: bool) -> Iterator[dict]:
    """A layer's four products, one after the other.

    `dense` is the faster of the two ways in which PyTorch can be given its inputs: token by
    token, or channel by channel as `sparse` needs them. `turned` has its inputs token by token
    and gives its outputs so, as `run_sparse` does.
    """
    torch.manual_seed(0)
    for d_model, batches in ({16: (1, 4)} if quick else SIZES).items():
        for batch in batches:
            for density in DENSITIES[-2:] if quick else DENSITIES:
                yield _layer(d_model, batch, density, 2 if quick else 7)
    for d_model, layers, density in [(16, 1, 0.02)] if quick else MODELS:
        yield _model(d_model, layers, density, 2 if quick else 5)


@torch.no_grad()
def _layer(d_model: int, batch: int, density: float, times: int) -> dict:
    shapes = [(3, 1), (1, 1), (4, 1), (1, 4)]
    layer = [_linear(d_model * rows, d_model * columns, density) for rows, columns in shapes]
    inputs = [torch.randn(batch, linear.in_features) for linear in layer]
    turned = [x.T.contiguous() for x in inputs]
    pairs = list(zip(layer, inputs, turned, strict=True))
    weights = [linear._weights() for linear in layer]

    def each(product: Callable[[SparseLinear, Tensor, Tensor], object]) -> Callable[[], object]:
        return lambda: [product(*own) for own in pairs]

    runs = {
        "by_token": each(lambda linear, x, _: nn.functional.linear(x, linear.weight)),
        "by_channel": each(lambda linear, _, x: linear.weight @ x),
        "sparse": lambda: [own @ x for own, x in zip(weights, turned, strict=True)],
        "turned": each(lambda linear, x, _: linear(x)),
    }
    found = in_turn(runs, times=times)
    dense = min(found["by_token_ms"], found["by_channel_ms"])
    return {
        "part": "products",
        "device": "cpu",
        "d_model": d_model,
        "batch": batch,
        "density": density,
        **found,
        "times_as_fast": round(dense / found["sparse_ms"], 2),
        "turned_times_as_fast": round(dense / found["turned_ms"], 2),
    }


def _linear(rows: int, columns: int, density: float) -> SparseLinear:
    linear = SparseLinear(columns, rows, bias=False).requires_grad_(False)
    linear.weight.mul_(torch.rand(rows, columns) < density)
    return linear


@torch.no_grad()
def _model(d_model: int, layers: int, density: float, times: int) -> dict:
    """A whole model, in which AbsTopK, attention and norms take the time that they take."""
    config = WeightSparseConfig(
        hidden_size=d_model, num_hidden_layers=layers, head_dim=16, vocab_size=2048, bigrams="none"
    )
    dense = Model(WeightSparseForCausalLM(config).eval())
    weights = sparse_parameters(dense.hf)
    project(weights, density, floor=4)
    sparse = run_sparse(dense)
    ids = torch.randint(2048, (8, 128))
    tokens = Tokens(ids)
    runs = {"dense": lambda: dense.logits(tokens), "sparse": lambda: sparse.logits(tokens)}
    found = in_turn(runs, times=times)
    return {
        "part": "model",
        "device": "cpu",
        "d_model": d_model,
        "layers": layers,
        "batch": ids.numel(),
        "density": round(count(weights).density, 4),
        **found,
        "times_as_fast": round(found["dense_ms"] / found["sparse_ms"], 2),
    }
