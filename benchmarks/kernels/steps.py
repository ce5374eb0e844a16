"""Where the time of a training step goes."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from tapeout.models.modeling_weight_sparse import AbsTopK
from tapeout.sparse import SparseTraining, WeightSparseConfig, WeightSparseForCausalLM
from tapeout.sparse._trainer import SparseTrainer

from .timing import now


@dataclass(frozen=True)
class Size:
    d_model: int
    layers: int
    batch: int
    length: int
    steps: int
    density: float = 1 / 16
    precision: Any = "float32"
    vocabulary: int = 2048


SIZES = {
    "cpu": [Size(128, 2, 16, 128, 15), Size(256, 4, 16, 128, 7)],
    "cuda": [
        Size(1024, 4, 128, 256, 10, density=1 / 64, precision="bfloat16"),
        Size(2048, 8, 64, 256, 6, density=1 / 256, precision="bfloat16"),
    ],
}
QUICK = [Size(32, 1, 2, 8, 2, vocabulary=64)]
WARM = 3


def rows(device: str, quick: bool) -> Iterator[dict]:
    """A step as it is, beside one of the dense model without AbsTopK, which is the floor."""
    for size in QUICK if quick else SIZES[device]:
        sparse, dense = _Timed(size, device, True), _Timed(size, device, False)
        for _ in range(WARM + size.steps):
            sparse.step()
            dense.step()
        parts = {name: 1e3 * median(own[WARM:]) for name, own in sparse.taken.items()}
        step, floor = parts["step"], 1e3 * median(dense.taken["step"][WARM:])
        tokens = size.batch * size.length
        known = parts["forward"] + parts["optimizer"] + parts["projection"]
        yield {
            "part": "step",
            "device": device,
            "d_model": size.d_model,
            "layers": size.layers,
            "batch": size.batch,
            "length": size.length,
            "density": size.density,
            "precision": size.precision,
            **{f"{name}_ms": round(value, 3) for name, value in parts.items()},
            "backward_and_rest_ms": round(step - known, 3),
            "projection_share": round(parts["projection"] / step, 4),
            "abs_topk_share": round(parts["abs_topk"] / step, 4),
            "tokens_per_s": round(1e3 * tokens / step),
            "floor_ms": round(floor, 3),
            "floor_tokens_per_s": round(1e3 * tokens / floor),
            "share_of_floor": round(floor / step, 4),
        }


@dataclass
class _Random:
    """Windows of random tokens."""

    size: Size

    def at(self, step: int) -> Tensor:
        draw = torch.Generator().manual_seed(step)
        shape = (self.size.batch, self.size.length + 1)
        return torch.randint(self.size.vocabulary, shape, generator=draw)


@dataclass
class _Timed:
    """A training of which every part's time is taken, in seconds by step."""

    size: Size
    device: str
    sparse: bool
    taken: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        config = WeightSparseConfig(
            vocab_size=self.size.vocabulary,
            hidden_size=self.size.d_model,
            num_hidden_layers=self.size.layers,
            head_dim=16,
            kept_share=0.25 if self.sparse else 1.0,
            sinks=True,
            bigrams="counted",
        )
        with torch.device(self.device):
            model = WeightSparseForCausalLM(config)
        settings = SparseTraining(
            steps=1000,
            anneal=0.0,  # as dense as in the end from the first step on
            density=self.size.density if self.sparse else 1.0,
            learning_rate=1e-3,
            precision=self.size.precision,
        )
        self.trainer = SparseTrainer(model, _Random(self.size), settings, None)
        self.started: dict[object, float] = {}
        self.now: dict[str, float] = defaultdict(float)
        self._watch()

    def step(self) -> None:
        self.now.clear()
        module = sys.modules[SparseTrainer.__module__]
        with mock.patch.object(module, "project", self._around("projection", module.project)):
            self._around("step", self.trainer.update)()
        for part, seconds in self.now.items():
            self.taken.setdefault(part, []).append(seconds)

    def _watch(self) -> None:
        model, optimizer = self.trainer.model, self.trainer.optimizer
        model.register_forward_pre_hook(lambda *_: self._start("forward"))
        model.register_forward_hook(lambda *_: self._stop("forward"))
        optimizer.register_step_pre_hook(lambda *_: self._start("optimizer"))
        optimizer.register_step_post_hook(lambda *_: self._stop("optimizer"))
        for module in model.modules():
            if isinstance(module, AbsTopK):
                module.register_forward_pre_hook(lambda *_: self._start("abs_topk"))
                module.register_forward_hook(lambda *given: self._backward_too(given[-1]))

    def _backward_too(self, out: Any) -> None:
        self._stop("abs_topk")
        out.grad_fn.register_prehook(lambda *_: self._start("abs_topk"))
        out.grad_fn.register_hook(lambda *_: self._stop("abs_topk"))

    def _start(self, part: str) -> None:
        self.started[part] = now(self.device)

    def _stop(self, part: str) -> None:
        self.now[part] += now(self.device) - self.started[part]

    def _around(self, part: str, run: Callable) -> Callable:
        def timed(*args: Any) -> None:
            self._start(part)
            run(*args)
            self._stop(part)

        return timed
