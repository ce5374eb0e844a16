"""Plain torch on the Hugging Face model: the floors that a library can be held against.

`what` is `attribution` (the same scores by hand), `train_step` (one forward and backward over the
same batches, with weight gradients) or `backward` (without them).
"""

import torch
import transformers
from runner import batches, job, measured, report
from transformers import AutoModelForCausalLM

JOB = job()
torch.set_num_threads(JOB["threads"])
model = AutoModelForCausalLM.from_pretrained(JOB["model"], dtype=torch.float32).eval()
model.requires_grad_(JOB["what"] == "train_step")
layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
width = model.config.intermediate_size
kept = {}


def keep(key):
    return lambda module, inputs: kept.__setitem__(key, inputs[0])


if JOB["what"] == "attribution":
    for index, block in enumerate(model.model.layers):
        block.self_attn.o_proj.register_forward_pre_hook(keep(("z", index)))
        block.mlp.down_proj.register_forward_pre_hook(keep(("mlp", index)))


def ids(part, side):
    return torch.tensor([pair[side] for pair in part])


def value(part):
    embedded = model.model.embed_tokens(ids(part, "clean"))
    if JOB["what"] != "train_step":
        embedded = embedded.detach().requires_grad_()
    logits = model(inputs_embeds=embedded, logits_to_keep=1, use_cache=False).logits[:, -1]
    rows, answer = torch.arange(len(part)), ids(part, "answer")
    return (logits[rows, answer] - logits[rows, ids(part, "foil")]).sum()


def attribution(pairs):
    total = {"mlp": torch.zeros(layers, width), "z": torch.zeros(layers, heads)}
    for part in batches(pairs, JOB["batch"]):
        with torch.no_grad():
            model(ids(part, "corrupted"), logits_to_keep=1, use_cache=False)
        other = dict(kept)
        result = value(part)
        keys = list(kept)
        gradients = torch.autograd.grad(result, [kept[key] for key in keys])
        for key, gradient in zip(keys, gradients, strict=True):
            name, layer = key
            score = ((kept[key].detach() - other[key]) * gradient).sum((0, 1))
            total[name][layer] += score.view(heads, -1).sum(-1) if name == "z" else score
        kept.clear()
    return {name: score / len(pairs) for name, score in total.items()}


def backward(pairs):
    for part in batches(pairs, JOB["batch"]):
        value(part).backward()
        model.zero_grad(set_to_none=True)


by_hand = JOB["what"] == "attribution"
scores, cost = measured(JOB, attribution if by_hand else backward)
nodes = layers * (heads + width) if by_hand else 0
report(JOB, scores, cost | {"version": transformers.__version__, "nodes": nodes})
