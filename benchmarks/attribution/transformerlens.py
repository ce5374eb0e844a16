"""TransformerLens: attribution patching with its hooks, as in its demo and tuned.

Tuned: parameters frozen, the corrupted pass without gradients, logits of the last position only,
nothing padded. The hooks are `hook_z` and `mlp.hook_post` under the bridge's own names.
"""

import importlib.metadata

import torch
from runner import batches, job, measured, report
from transformer_lens.model_bridge import TransformerBridge

JOB = job()
torch.set_num_threads(JOB["threads"])
model = TransformerBridge.boot_transformers(JOB["model"], device="cpu", dtype=torch.float32).eval()
model.requires_grad_(False)
layers, heads, width = model.cfg.n_layers, model.cfg.n_heads, model.cfg.d_mlp
SITES = {
    f"blocks.{layer}.{hook}": (name, layer)
    for layer in range(layers)
    for hook, name in (("attn.o.hook_in", "z"), ("mlp.out.hook_in", "mlp"))
}


def ids(part, side):
    return torch.tensor([pair[side] for pair in part])


def work(pairs):
    total = {"mlp": torch.zeros(layers, width), "z": torch.zeros(layers, heads)}
    gap = {}

    def corrupted(x, hook):
        gap[hook.name] = x.detach()

    def clean(x, hook):
        gap[hook.name] = x.detach() - gap[hook.name]

    def arrived(gradient, hook):
        name, layer = SITES[hook.name]
        score = (gap.pop(hook.name) * gradient).sum((0, 1))
        total[name][layer] += score.view(heads, -1).sum(-1) if name == "z" else score

    def leaf(x, hook):
        return x.detach().requires_grad_()

    for part in batches(pairs, JOB["batch"]):
        with torch.no_grad(), model.hooks(fwd_hooks=[(site, corrupted) for site in SITES]):
            model(ids(part, "corrupted"), logits_to_keep=1)
        forward = [("hook_embed", leaf), *((site, clean) for site in SITES)]
        with model.hooks(fwd_hooks=forward, bwd_hooks=[(site, arrived) for site in SITES]):
            logits = model(ids(part, "clean"), logits_to_keep=1)[:, -1]
            rows, answer = torch.arange(len(part)), ids(part, "answer")
            (logits[rows, answer] - logits[rows, ids(part, "foil")]).sum().backward()
    return {name: score / len(pairs) for name, score in total.items()}


scores, cost = measured(JOB, work)
version = importlib.metadata.version("transformer-lens")
report(JOB, scores, cost | {"version": version, "nodes": layers * (heads + width)})
