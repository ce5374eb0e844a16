"""circuitkit: its EAP at neuron level, `mlp_hook="post_act"`, through its task registry.

It scores every MLP channel and, instead of a head, each of the head's output dimensions; their sum
is the head's score. Its built-in IOI metric is a batch's mean, which it divides by the number of
examples again, so the task here sums.
"""

import importlib.metadata
import itertools
import os
import tempfile

import circuitkit
import torch
from circuitkit.tasks.registry import register_task
from runner import batches, job, measured, report

JOB = job()
torch.set_num_threads(JOB["threads"])
model = circuitkit.load_model(JOB["model"], dtype="float32", device="cpu")
layers, heads, width = model.cfg.n_layers, model.cfg.n_heads, model.cfg.d_mlp
numbers = itertools.count()
os.chdir(tempfile.mkdtemp())  # it writes its scores into the working directory


class Batches(list):
    """What its EAP goes through."""

    pair_padding_side = "right"
    templated = True  # do not add a start token


class Pairs:
    """Given pairs as one of its tasks."""

    chat_template_mode = "off"

    def __init__(self, name, pairs):
        self.name, self.pairs = name, pairs

    def validate_discovery_config(self, config):
        pass

    def build_dataloader(self, model, config, device):
        return Batches(
            (
                [pair["clean_text"] for pair in part],
                [pair["corrupted_text"] for pair in part],
                torch.tensor([[pair["answer"], pair["foil"]] for pair in part]),
            )
            for part in batches(self.pairs, JOB["batch"])
        )

    def metric_fn(self):
        def loss(logits, clean_logits, lengths, labels):
            rows = torch.arange(len(labels))
            last = logits[rows, lengths - 1]
            return (last[rows, labels[:, 1]] - last[rows, labels[:, 0]]).sum()

        return loss

    def artifact_metadata(self, config):
        return {"task": self.name}


def work(pairs):
    name = f"pairs{next(numbers)}"
    register_task(Pairs(name, pairs))
    circuitkit.discover(
        model,
        name,
        algorithm="eap",
        level="neuron",
        mlp_hook="post_act",
        n_examples=len(pairs),
        batch_size=JOB["batch"],
        output_path=f"./{name}.pt",
    )
    return f"./{name}_scores.pt"


path, cost = measured(JOB, work)
found = (
    torch.load(path, weights_only=True)["neurons_scores"][1:].view(layers, heads + 1, -1).float()
)
scores = {"mlp": found[:, heads, :width], "z": found[:, :heads, : model.cfg.d_model].sum(-1)}
version = importlib.metadata.version("circuitkit")
report(JOB, scores, cost | {"version": version, "nodes": layers * (heads + width)})
