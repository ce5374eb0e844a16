"""What a conditioning is trained on: the examples as they are, or a control made of them."""

import random
from collections import defaultdict
from dataclasses import replace

from ..errors import ReshapeError
from ..models import Model
from ..tasks import Split
from ..verify import evaluate
from ._config import Conditioning


def training_split(model: Model, split: Split, config: Conditioning) -> Split:
    """The examples that the config asks for.

    Raises:
        ReshapeError: the base gets all or none of them right, so that no example is left.

    Source: paper 1, table 2 and experiment 5 (random labels, training on failures).
    """
    if config.only != "all":
        split = _where(model, split, right=config.only == "right")
    return _relabelled(split, config.seed) if config.labels == "random" else split


def _where(model: Model, split: Split, *, right: bool) -> Split:
    rows = (evaluate(model, split).correct == right).nonzero()[:, 0].tolist()
    word = "right" if right else "wrong"
    if not rows:
        raise ReshapeError(
            f"{model.name} gets no example of {split.name} {word}: there is nothing to train on. "
            f"Choose a {'easier' if right else 'harder'} task, or all examples (only: all)"
        )
    return split.subset(rows, f"those the base gets {word}")


def _relabelled(split: Split, seed: int) -> Split:
    """The same questions; answers of as many tokens are dealt among them."""
    alike: dict[int, list[int]] = defaultdict(list)
    for row, item in enumerate(split.encoded):
        alike[len(item.answers[0])].append(row)
    rng, source = random.Random(seed), {}
    for rows in alike.values():
        source |= dict(zip(rows, rng.sample(rows, len(rows)), strict=True))
    examples = [
        replace(example, answers=split.examples[source[row]].answers)
        for row, example in enumerate(split.examples)
    ]
    return replace(split, name=f"{split.name} (random labels)", examples=examples)
