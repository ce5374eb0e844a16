"""Small localisation sets of random tokens."""

import random

import torch

from tapeout.amplify import LocalisationSet, Record
from tapeout.models import Model

from ..tiny import VOCAB, Sizes, tiny

PREFIX = (1, 9, 17, 4, 30)


def record(tokens, desired=7, undesired=8, *, template="t", instance=0, greedy_right=False):
    return Record(
        tokens=tuple(tokens),
        desired=desired,
        undesired=undesired,
        template_id=template,
        instance_id=instance,
        greedy_right=greedy_right,
        method="branching",
    )


PLANTED = ("0.mlp.post_act.4", "1.mlp.post_act.9")


def planted_model() -> Model:
    """A model with two neurons that promote token 7 over 8 whatever they read."""
    model = tiny("llama", Sizes(layers=2, groups=3))
    words = model.hf.get_output_embeddings().weight
    with torch.no_grad():
        for layer, channel in ((0, 4), (1, 9)):
            mlp = model.hf.model.layers[layer].mlp
            mlp.gate_proj.weight[channel] = mlp.up_proj.weight[channel]  # so it is never negative
            mlp.down_proj.weight[:, channel] = 2 * (words[7] - words[8])
    return model


def random_set(model: Model, n: int = 40, *, per_problem: int = 1, seed: int = 0):
    """Pairs of two tokens that are the same everywhere, behind random ones."""
    rng = random.Random(seed)
    records = [
        record(
            [rng.randrange(3, VOCAB) for _ in range(rng.randint(1, 5))],
            template=f"t{row % 3}",
            instance=row // per_problem,
            greedy_right=rng.random() < 0.7,
        )
        for row in range(n)
    ]
    return pair_set(model, records)


def pair_set(model: Model, records, prefix=PREFIX):
    return LocalisationSet(
        name="random/train", prefix=prefix, records=tuple(records), model=model.fingerprint
    )
