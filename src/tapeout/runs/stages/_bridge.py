"""Stages that train a sparse model beside a dense one, and steer the dense one through it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from ...errors import RecipeError
from ...models import Model, load
from ...sparse import Corpus, Setup, prepare_texts
from ...sparse.bridges import (
    Answers,
    Bridges,
    BridgeTraining,
    Channel,
    Crossed,
    Crossings,
    Steering,
    controls,
    crossings,
    effects,
    label_of,
    largest,
    most_moving,
    train_bridges,
)
from ...tasks import Task
from ...verify import Average  # an interval of means, which changes nothing that is trained
from .._stage import Stage, Work, ref
from ._artifacts import MODELS, TASKS, model_facts
from ._sparse import trained_facts

DENSE = tuple(kind for kind in MODELS if kind != "bridge")
"""Stages whose models a bridge can be built beside."""


@dataclass(frozen=True, kw_only=True)
class Texts(Stage):
    """A task's prompts and answers as a corpus, in the model's own tokens."""

    kind: ClassVar[str] = "texts"
    room: ClassVar[str] = "sparse"
    model: str = ref(*DENSE)
    task: str = ref(*TASKS)

    def run(self, work: Work) -> dict[str, Any]:
        task: Task = work.inputs["task"]
        made = prepare_texts(work.folder / "corpus", task, work.inputs["model"].tokenizer)
        files = {"train": made.train, "validation": made.validation}
        return {
            "source": task.name,
            "vocabulary": len(made.tokenizer),
            "tokens": {name: len(file) for name, file in files.items()},
            "documents": {name: file.documents for name, file in files.items()},
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Corpus:
        return Corpus.open(folder / "corpus")


@dataclass(frozen=True, kw_only=True)
class Bridge(Stage, BridgeTraining, Setup):
    """A weight-sparse transformer that is trained with bridges to a dense model.

    To other stages it is that sparse model.

    Attributes:
        layers: 0 for as many as the dense model has, which is what bridges need.
    """

    kind: ClassVar[str] = "bridge"
    room: ClassVar[str] = "sparse"
    dense: str = ref(*DENSE)
    corpus: str = ref("corpus", "texts")
    layers: int = 0

    def run(self, work: Work) -> dict[str, Any]:
        dense: Model = work.inputs["dense"]
        corpus: Corpus = work.inputs["corpus"]
        setup = replace(self.part(Setup), layers=self.layers or dense.shape.n_layers)
        untrained = setup.untrained(corpus).to(dense.device)  # pyright: ignore
        checkpoint = work.folder / "training.safetensors"
        windows = setup.validation(corpus)
        found = train_bridges(
            dense,
            Model(untrained, corpus.tokenizer, name="bridged weight-sparse transformer"),
            setup.windows(corpus),
            self.part(BridgeTraining),
            validation=windows,
            seed=self.seed,
            checkpoint=checkpoint,
            progress=work.progress,
        )
        found.sparse.save_pretrained(work.folder)
        found.bridges.save(work.folder)
        measured = crossings(dense, found.sparse, found.bridges, windows)
        checkpoint.unlink(missing_ok=True)
        facts = model_facts(found.sparse, found.sparse.name) | trained_facts(found.trained, self)
        return facts | _crossing_facts(measured)

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return load(folder, device=self.device or None)


def _crossing_facts(found: Crossings) -> dict[str, Any]:
    places = range(found.to_dense.loss.shape[1])
    return {
        "crossed_tokens": found.tokens,
        "dense_loss": _average(found.dense),
        "sparse_loss": _average(found.sparse),
        "places": [
            {
                "layer": place // 2,
                "before": ("attention", "mlp")[place % 2],
                "to_sparse": _at(found.to_sparse, place, found.dense),
                "to_dense": _at(found.to_dense, place, found.dense),
            }
            for place in places
        ],
    }


def _at(crossed: Crossed, place: int, dense: Tensor) -> dict[str, Any]:
    """`above`: by how much the loss is above the dense model's, window by window."""
    return {
        "loss": _average(crossed.loss[:, place]),
        "above": _average(crossed.loss[:, place] - dense),
        "kl": _average(crossed.kl[:, place]),
        "nmse": crossed.error[:, place].mean().item(),
    }


@dataclass(frozen=True, kw_only=True)
class Steer(Stage):
    """The dense model steered through channels of the sparse one, and through random ones.

    They are found on the train split: of those whose steering would do most to first order, among
    all channels of all places, the one that turns the model most towards the other answer. Beside
    it all channels of its place are steered at once, which is as far as an edit there goes.

    Attributes:
        together: how many channels are steered at once: each that is tried is steered with the
            others of its place that would do most.
        channel: one by name, such as `1.attn.act_in.83`; empty for those that are found.
        candidates: how many channels are tried.
        tried_on: how many prompts of the train split they are tried on.
        random: how many random sets to compare with, of the same place as far as it has them.
        strengths: 0 changes nothing, 1 makes up the whole difference to the other prompt; both
            are needed.
        seed: of the random channels.
        batch_size: prompts at once.
    """

    kind: ClassVar[str] = "steer"
    room: ClassVar[str] = "sparse"
    dense: str = ref(*DENSE)
    bridge: str = ref("bridge")
    task: str = ref(*TASKS)
    together: int = 1
    channel: str = ""
    candidates: int = 16
    tried_on: int = 100
    random: int = 8
    strengths: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
    seed: int = 0
    batch_size: int = 64

    def __post_init__(self) -> None:
        if not {0.0, 1.0} <= set(self.strengths):
            raise RecipeError("strengths need 0 and 1, between which a move is measured")
        if self.together < 1 or self.candidates < 1:
            raise RecipeError("together and candidates start at 1")
        if self.channel and self.together > 1:
            raise RecipeError("channel names one that is steered alone: leave together at 1")

    def run(self, work: Work) -> dict[str, Any]:
        dense: Model = work.inputs["dense"]
        task: Task = work.inputs["task"]
        bridges = Bridges.load(work.folders["bridge"]).to(dense.device)
        steering = Steering(dense, work.inputs["bridge"], bridges)
        train = task.train.take(self.tried_on)
        sizes = effects(steering, train, size=self.batch_size)
        tried = largest(sizes, self.candidates, together=self.together)
        if self.channel:
            tried = [[Channel.named(self.channel)]]
        chosen, moves = most_moving(steering, train, tried, size=self.batch_size)
        sets = [
            (label_of(chosen), chosen),
            (chosen[0].site, steering.channels(chosen[0].place)),
            *((label_of(s), s) for s in controls(sizes, chosen, self.random, seed=self.seed)),
        ]
        found = []
        for done, (which, some) in enumerate(sets):
            answers = steering.answers(task.test, some, self.strengths, size=self.batch_size)
            found.append(self._facts(which, answers))
            work.progress(done + 1, len(sets))
        (there,) = steering.answers(task.test, [], (1.0,), size=self.batch_size)
        return {
            "split": task.test.name,
            "train": train.name,
            "n": len(task.test),
            "counterfactual": _average(there.other),
            "steered": found[0],
            "whole": found[1],
            "random": found[2:],
            "tried": [
                {"channel": label_of(some), "move": move}
                for some, move in zip(tried, moves, strict=True)
            ],
        }

    def _facts(self, which: str, found: list[Answers]) -> dict[str, Any]:
        """`moved`: the other answer's probability, fully patched less untouched; `turned`: the
        same of its part of both answers."""
        none, full = (found[self.strengths.index(strength)] for strength in (0.0, 1.0))
        return {
            "channel": which,
            "moved": _average(full.other - none.other),
            "turned": _average(full.between - none.between),
            "rows": [
                {"strength": s}
                | {part: _average(getattr(some, part)) for part in ("own", "other", "between")}
                for s, some in zip(self.strengths, found, strict=True)
            ],
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        return None


def _average(values: Tensor) -> dict[str, float | int]:
    return Average.of(values.tolist()).to_dict()
