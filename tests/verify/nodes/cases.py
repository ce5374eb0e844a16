"""A small weight-sparse model with a task and a circuit that carries means."""

from dataclasses import dataclass, replace

import torch

from tapeout.circuits import SPARSE_NODES, Circuit
from tapeout.interventions import means_over
from tapeout.models import Model
from tapeout.tasks import Task

from ...tiny import Sizes, random_circuit, tiny_hf
from ...words import learnable, word_task, word_tokenizer


@dataclass(frozen=True)
class Case:
    model: Model
    task: Task
    circuit: Circuit


def case(*, share: float = 0.5, seed: int = 1, constant_query: bool = False) -> Case:
    """With a constant query no weight leads to the first layer's queries, only biases."""
    hf = tiny_hf("weight_sparse", Sizes(layers=2, bias=True, seed=seed))
    if constant_query:
        attn = hf.transformer.h[0].attn
        with torch.no_grad():
            attn.c_attn.weight[: attn.c_proj.in_features] = 0
    model = Model(hf, word_tokenizer(), name="words")
    task = learnable(word_task(n=12), model)
    circuit = random_circuit(model, SPARSE_NODES, share=share)
    means = means_over(model, task.reference, SPARSE_NODES)
    about = {"kind": "mean", "reference": means.reference, "positions": means.positions}
    return Case(model, task, replace(circuit, means=means.values).with_origin(replacement=about))
