"""How a model is conditioned, as one flat config: what a recipe holds and an artifact stores."""

from dataclasses import dataclass
from typing import Literal

from ..errors import ReshapeError


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """Settings of one training; every control of the paper is a value of one of them.

    The loss of a step is

        ce * CE + kl * KL(base || model) + anchor * KL(base || model on other tasks or text)
        + masked * CE(the model of which only the current top nodes are left)

    each a mean over the tokens of answers, in nats. With `masked=0` this is the paper's recipe.

    Attributes:
        rank: of the adapter on every linear module but the unembedding (rsLoRA, Kalajdzievski
            2023); 0 trains all weights but embeddings and unembedding.
        alpha: the adapter's product is scaled by alpha / sqrt(rank); 0 stands for the rank, so
            that the learning rate keeps its meaning along a ladder of ranks.
        ce, kl, anchor, masked: weights of the terms. The paper's: 1, 0.05, 0, 0.
        supervise: what cross-entropy reads of an answer: all of it, or its end alone (`end`,
            which teaches the form without the content).
        labels: `random` deals the answers of the examples among them.
        only: train on the examples that the base gets `right`, or on those it gets `wrong`.
        steps: updates.
        batch_size, masked_batch, anchor_batch: rows of each term in a step; of the anchor's, from
            each of its splits.
        learning_rate: of AdamW; it falls to 0 linearly, after `warm_up` steps.
        clip: largest norm of the gradient.
        keep: share of the universe that the masked term ends at.
        start: share that it starts from; it falls geometrically over the first `anneal` of all
            steps.
        spread: in every step the circuit has up to so many times as many nodes, drawn evenly on a
            logarithmic scale, so that no larger one is worse; 1 keeps it as small as it may be.
        universe: the nodes of the masked term.
        replacements: what nodes outside are given, in turn: `zero`, `counterfactual`.
        baseline: of the scores that rank nodes, see `find.Attribution`.
        refresh: steps between two rankings, over the first `refresh_until` of all steps.
        scored: train examples that a ranking uses.
        precision: `bfloat16` computes products so over float32 weights.
        seed: of the adapter and of the order of batches.
        save_every: steps between checkpoints.

    Source: paper 1, "Conditioning without teaching" (the recipe; learning rate, steps and alpha
    are ours, since it names none); the masked term and the anchor are ours.
    """

    rank: int = 32
    alpha: float = 0.0
    ce: float = 1.0
    kl: float = 0.05
    anchor: float = 0.0
    masked: float = 0.0
    supervise: Literal["answer", "end"] = "answer"
    labels: Literal["right", "random"] = "right"
    only: Literal["all", "right", "wrong"] = "all"
    steps: int = 250
    batch_size: int = 64
    masked_batch: int = 64
    anchor_batch: int = 32
    learning_rate: float = 1e-3
    warm_up: int = 10
    weight_decay: float = 0.0
    clip: float = 1.0
    keep: float = 0.02
    start: float = 0.2
    anneal: float = 0.6
    spread: float = 1.0
    universe: str = "mlp.post_act"
    replacements: tuple[str, ...] = ("zero", "counterfactual")
    baseline: Literal["zero", "counterfactual"] = "zero"
    refresh: int = 25
    refresh_until: float = 0.8
    scored: int = 400
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0
    save_every: int = 50

    def __post_init__(self) -> None:
        for name in ("rank", "alpha", "ce", "kl", "anchor", "masked"):
            if getattr(self, name) < 0:
                raise ReshapeError(f"{name} cannot be {getattr(self, name)}: it starts at 0")
        if not (self.ce or self.kl or self.anchor or self.masked):
            raise ReshapeError("there is nothing to train on: give a term a weight above 0")
        for name in ("steps", "batch_size", "masked_batch", "anchor_batch", "refresh", "scored"):
            if getattr(self, name) < 1:
                raise ReshapeError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.spread >= 1:
            raise ReshapeError(f"spread starts at 1, which is none; it cannot be {self.spread}")
        if not self.learning_rate > 0:
            raise ReshapeError(f"learning_rate must be above 0, not {self.learning_rate}")
        if not 0 < self.keep <= self.start <= 1:
            raise ReshapeError(
                f"the circuit must keep something: 0 < keep <= start <= 1, not keep={self.keep} "
                f"and start={self.start}"
            )
        if self.masked and (not self.replacements or set(self.replacements) - set(REPLACEMENTS)):
            raise ReshapeError(
                f"the masked term can replace by {' and '.join(REPLACEMENTS)}, "
                f"not by {', '.join(self.replacements) or 'nothing'}"
            )


REPLACEMENTS = ("zero", "counterfactual")
