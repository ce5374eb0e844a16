"""Tapeout's attribution."""

import torch
from runner import job, measured, report

import tapeout
from tapeout.tasks import LOGIT_DIFFERENCE, Example, Split

JOB = job()
torch.set_num_threads(JOB["threads"])
model = tapeout.load(JOB["model"])
decode = model.tokenizer.decode


def split_of(pairs):
    examples = [
        Example(
            prompt=pair["clean_text"],
            answers=(decode(pair["answer"]),),
            foils=(decode(pair["foil"]),),
            counterfactual=pair["corrupted_text"],
        )
        for pair in pairs
    ]
    return Split("pairs", examples, model.tokenizer)


def work(pairs):
    return tapeout.find.attribution(
        model,
        split_of(pairs),
        "mlp.post_act, attn.z:head",
        metric=LOGIT_DIFFERENCE,
        aggregate="signed",
        batch_size=JOB["batch"],
    )


scores, cost = measured(JOB, work)
layers = model.shape.n_layers
channels = layers * 1536
parts = {
    "mlp": scores.values[:channels].view(layers, -1),
    "z": scores.values[channels:].view(layers, -1),
}
report(JOB, parts, cost | {"version": "this commit", "nodes": scores.universe.size})
