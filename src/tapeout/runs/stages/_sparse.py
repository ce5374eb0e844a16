"""Stages that prepare text, and train a weight-sparse transformer on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...models import Model, load
from ...sparse import (
    Corpus,
    CorpusConfig,
    Setup,
    SparseTraining,
    Trained,
    loss_on,
    prepare,
    train_sparse,
)
from .._stage import Stage, Work, ref
from ._artifacts import model_facts, thinned


@dataclass(frozen=True, kw_only=True)
class CorpusStage(Stage, CorpusConfig):
    """Source code as files of tokens, and the tokenizer that was trained for it."""

    kind: ClassVar[str] = "corpus"
    room: ClassVar[str] = "sparse"

    def run(self, work: Work) -> dict[str, Any]:
        made = prepare(
            work.folder / "corpus",
            self.part(CorpusConfig),
            progress=lambda what, done, total: work.progress(done, total),
        )
        files = ("train", "validation", "programs", "validation_programs")
        return {
            "source": self.source,
            "vocabulary": len(made.tokenizer),
            "tokens": {name: len(getattr(made, name)) for name in files},
            "documents": {name: getattr(made, name).documents for name in files},
        }

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Corpus:
        return Corpus.open(folder / "corpus")


@dataclass(frozen=True, kw_only=True)
class Train(Stage, SparseTraining, Setup):
    """A weight-sparse transformer, or its dense twin with `density: 1`."""

    kind: ClassVar[str] = "train"
    room: ClassVar[str] = "sparse"
    corpus: str = ref("corpus")

    def run(self, work: Work) -> dict[str, Any]:
        corpus: Corpus = work.inputs["corpus"]
        checkpoint = work.folder / "training.safetensors"
        found = train_sparse(
            self.untrained(corpus),
            self.windows(corpus),
            self.part(SparseTraining),
            validation=self.validation(corpus),
            checkpoint=checkpoint,
            progress=work.progress,
        )
        model = Model(found.model, corpus.tokenizer, name=_called(self.density))
        model.save_pretrained(work.folder)
        checkpoint.unlink(missing_ok=True)
        facts = model_facts(model, model.name) | trained_facts(found, self)
        programs = self.validation_programs(corpus)
        if programs is not None:
            facts["validation_loss_programs"] = loss_on(found.model, programs)
        return facts

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return load(folder, device=self.device or None)


def _called(density: float) -> str:
    return "dense transformer" if density == 1 else "weight-sparse transformer"


def trained_facts(found: Trained, setup: Setup) -> dict[str, Any]:
    """What stages that train a sparse model report of the training."""
    return {
        "nonzero": found.counts.nonzero,
        "kept_sparse": found.counts.total,
        "density": found.counts.density,
        "densest": found.counts.densest,
        "asked": found.asked,
        "possible": found.possible,
        "tokens": len(found.curve) * setup.batch_size * setup.length,
        "validation_loss": found.curve[-1]["validation"],
        "validation_tokens": setup.validated * setup.length,
        "last": found.curve[-1],
        "curve": thinned(found.curve),
    }
