"""The models, with what is known of their circuits, and the scoring of every method on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from tapeout.circuits import Universe
from tapeout.interventions import means_over
from tapeout.models import Model
from tapeout.tasks import Split, Task
from tapeout.verify import evaluate

from . import branches, induction
from .auroc import auroc
from .methods import Methods, edge_methods, node_methods
from .truth import IDLE, NEEDED, edge_effects, node_effects

SPEC = "attn.z:head, mlp.post_act:channel"


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is needed and what is idle; what is neither does not count."""

    needed: Bool[Tensor, " items"]
    idle: Bool[Tensor, " items"]

    @classmethod
    def measured(cls, effects: Tensor) -> "Truth":
        """From effects of shape [items, replacements]: needed under all, or idle under all."""
        least, most = effects.amin(dim=1), effects.amax(dim=1)
        return cls(needed=least >= NEEDED, idle=most <= IDLE)

    def among(self, part: Bool[Tensor, " items"]) -> "Truth":
        return Truth(needed=self.needed & part, idle=self.idle & part)

    def row(self, scores: Tensor, part: Bool[Tensor, " items"]) -> dict[str, Any]:
        """AUROC among the items of a part, and how many there are of each sort."""
        own = self.among(part)
        counts = own.needed | own.idle
        return {
            "auroc": round(auroc(scores[counts], own.needed[counts]), 4),
            "needed": int(own.needed.sum()),
            "idle": int(own.idle.sum()),
            "left_out": int((part & ~counts).sum()),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One model and task.

    Attributes:
        about: what every row says of it.
    """

    about: dict[str, Any]
    model: Model
    task: Task
    nodes: Truth
    edges: Truth

    def rows(self) -> list[dict[str, Any]]:
        """One row for every method and level."""
        universe = Universe.of(self.model.shape, SPEC)
        means = means_over(self.model, self.task.reference, SPEC)
        right = evaluate(self.model, self.task.test).accuracy
        shared = self.about | {"accuracy": right.value, "split": "train", "n": len(self.task.train)}
        heads = _heads(universe)
        levels = {"heads": heads, "channels": ~heads, "nodes": torch.ones_like(heads)}
        edges = {"edges": torch.ones_like(self.edges.needed)}
        on_nodes = node_methods(self.model, self.task.train, SPEC, means)
        on_edges = edge_methods(self.model, self.task.train)
        rows = _scored(on_nodes, self.nodes, levels) + _scored(on_edges, self.edges, edges)
        return [shared | row for row in rows]


def _scored(methods: Methods, truth: Truth, levels: dict[str, Tensor]) -> list[dict[str, Any]]:
    rows = []
    for method, score in methods.items():
        scores = score()
        for level, part in levels.items():
            rows.append({"method": method, "level": level} | truth.row(scores, part))
    return rows


def _heads(universe: Universe) -> Bool[Tensor, " nodes"]:
    heads = torch.zeros(universe.size, dtype=torch.bool)
    for group in universe.groups:
        heads[group.nodes] = group.granularity == "head"
    return heads


def cases(families: Sequence[str], seeds: Sequence[int]) -> Iterator[Case]:
    """Every hand-set model (GPT-2 alone), and every trained one of each family, with its tasks."""
    for seed in seeds:
        yield by_hand(seed)
    for family in families:
        for seed in seeds:
            model = branches.planted(family, seed)
            for kind in branches.KINDS:
                yield trained(model, family, seed, kind)


def by_hand(seed: int) -> Case:
    found = induction.planted(seed)
    about = {"model": found.model.name, "kind": "hand-set", "family": "gpt2", "seed": seed}
    return Case(
        about=about | {"task": found.task.name},
        model=found.model,
        task=found.task,
        nodes=Truth(needed=found.nodes, idle=~found.nodes),
        edges=Truth(needed=found.edges, idle=~found.edges & ~found.unseen),
    )


def trained(model: Model, family: str, seed: int, kind: str) -> Case:
    task, universe = branches.branch_task(kind), Universe.of(model.shape, SPEC)
    whole = everything(task)
    means = means_over(model, task.reference, SPEC)
    return Case(
        about={"model": model.name, "kind": "trained", "family": family, "seed": seed}
        | {"task": kind},
        model=model,
        task=task,
        nodes=Truth.measured(node_effects(model, whole, universe, means)),
        edges=Truth.measured(edge_effects(model, whole)[:, None]),
    )


def everything(task: Task) -> Split:
    """All prompts of a task as one split."""
    examples = [example for split in task.splits for example in split.examples]
    return Split(f"{task.name}/all", examples, task.train.tokenizer)
