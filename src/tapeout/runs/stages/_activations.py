"""A stage that keeps what a circuit's nodes hold, for the report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from safetensors.torch import save_file
from torch import Tensor

from ...models import Model
from ...tasks import Split, Task
from ...verify.nodes import (
    PERCENTILES,
    PairsOfPrompts,
    pair_activations,
    prompt_activations,
    text_activations,
)
from .._stage import Stage, Work, ref
from .._store import write_json
from ._artifacts import CIRCUITS, MODELS, TASKS
from ._audit import of_nodes


@dataclass(frozen=True, kw_only=True)
class Activations(Stage):
    """What a circuit's nodes hold on task pairs and on text; the report shows it node by node.

    Attributes:
        text: a task of plain text; left empty, only pairs are run.
        split: whose pairs.
        most_pairs: the first so many of them.
        followed: of so many, the first ones, also what nodes hold at every token, and where their
            heads attend.
        most_tokens: of a followed prompt, the last so many.
        text_split: of the text.
        percentiles: of a node's activations on text, up to 50; their mirror images come along.
        contexts: at every percentile.
        batch_size: examples per forward.
        memory_mb: for activations on text that are held at once, in MiB; the text is read as often
            as that takes.
        transfer: allow a circuit that was found in other weights of the same shape.
    """

    kind: ClassVar[str] = "activations"
    room: ClassVar[str] = "verify"
    model: str = ref(*MODELS)
    task: str = ref(*TASKS)
    circuit: str = ref(*CIRCUITS)
    text: str = ref(*TASKS, named=True)
    split: Literal["test", "validation", "train"] = "test"
    most_pairs: int = 50
    followed: int = 4
    most_tokens: int = 48
    text_split: Literal["reference", "test", "validation", "train"] = "reference"
    percentiles: tuple[float, ...] = PERCENTILES
    contexts: int = 2
    batch_size: int = 64
    memory_mb: int = 256
    transfer: bool = False

    def run(self, work: Work) -> dict[str, Any]:
        model: Model = work.inputs["model"]
        task: Task = work.inputs["task"]
        text: Task | None = work.inputs["text"]
        circuit = of_nodes(work.inputs["circuit"])
        whole = getattr(task, self.split)
        split = _first(whole, self.most_pairs)
        options = {"batch_size": self.batch_size, "transfer": self.transfer}
        pairs = pair_activations(model, circuit, split, **options)
        tensors = {"pairs": pairs.values}
        about: dict[str, Any] = {"nodes": pairs.nodes, "split": pairs.split}
        about |= {"pairs": pairs.examples, "text": ""}
        if text is not None:
            found = text_activations(
                model,
                circuit,
                getattr(text, self.text_split),
                percentiles=self.percentiles,
                each=self.contexts,
                memory_mb=self.memory_mb,
                **options,
            )
            tensors |= {"levels": found.levels, "context_values": found.values}
            tensors |= {"context_places": found.places}
            about |= {"text": found.text, "percentiles": found.percentiles}
            about |= {"documents": found.documents}
        if self.followed:
            some, most = _first(split, self.followed), self.most_tokens
            prompts = prompt_activations(
                model, circuit, some, most_tokens=most, transfer=self.transfer
            )
            tensors |= _tensors(prompts)
            about["prompts"] = _about(prompts, model)
        save_file(tensors, work.folder / "activations.safetensors")
        write_json(work.folder / "activations.json", about)
        counts = {"nodes": len(pairs.nodes), "n": len(split), "text_n": 0}
        if text is not None:
            counts["text_n"] = len(getattr(text, self.text_split))
        return {"task": task.name, "split": split.name, "text": about["text"]} | counts

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What the nodes and examples are; the numbers are in `activations.safetensors`."""
        return json.loads((folder / "activations.json").read_text(encoding="utf-8"))


def _first(split: Split, most: int) -> Split:
    return split.take(most) if len(split) > most else split


def _tensors(prompts: PairsOfPrompts) -> dict[str, Tensor]:
    """`held.PAIR.SIDE` and `attention.PAIR.SIDE`, the prompt's side first."""
    found: dict[str, Tensor] = {}
    for place, sides in enumerate(prompts.pairs):
        for side, own in enumerate(sides):
            found[f"held.{place}.{side}"] = own.values
            found[f"attention.{place}.{side}"] = own.attention.half()
    return found


def _about(prompts: PairsOfPrompts, model: Model) -> dict[str, Any]:
    # where nothing turns queries and keys, one channel of both adds its product to the scores
    plain = model.shape.family == "weight_sparse"
    return {
        "heads": [(*head, head[1] // _sharing(model, head[0])) for head in prompts.heads],
        "head_dim": model.shape.head_dim,
        "scale": model.shape.head_dim**-0.5 if plain else None,
        "tokens": [[own.tokens for own in sides] for sides in prompts.pairs],
        "cut": [sides[0].cut for sides in prompts.pairs],
    }


def _sharing(model: Model, layer: int) -> int:
    """Heads to a key."""
    return model.shape.heads(layer) // model.shape.heads(layer, "attn.k")
