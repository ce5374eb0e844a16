"""Stages that prepare text, and train a weight-sparse transformer on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from ...errors import ModelError
from ...models import Model, load
from ...models.configuration_weight_sparse import WeightSparseConfig
from ...models.modeling_weight_sparse import WeightSparseForCausalLM
from ...sparse import (
    END,
    Corpus,
    CorpusConfig,
    Mixture,
    SparseTraining,
    bigram_logits,
    held_out,
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
        config = CorpusConfig(**{f: getattr(self, f) for f in CorpusConfig.__dataclass_fields__})
        made = prepare(
            work.folder / "corpus",
            config,
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
class Train(Stage, SparseTraining):
    """A weight-sparse transformer, or its dense twin with `density: 1`.

    Attributes:
        layers, d_model, d_head, d_mlp: sizes; 0 MLP channels are four times `d_model`.
        kept_share: of the channels that AbsTopK leaves at every node; 1 for none.
        sinks: give every head a sink.
        bigrams: `counted` and frozen, `learned`, or `none`.
        length, batch_size: tokens of a window, windows of a step.
        programs: share of windows that are programs of the tasks.
        validated: windows of real code that the validation loss is over.
        seed: of weights and windows.
        device: where it runs; empty for the GPU if there is one.
    """

    kind: ClassVar[str] = "train"
    room: ClassVar[str] = "sparse"
    corpus: str = ref("corpus")
    layers: int = 2
    d_model: int = 128
    d_head: int = 16
    d_mlp: int = 0
    kept_share: float = 0.25
    sinks: bool = True
    bigrams: str = "counted"
    length: int = 128
    batch_size: int = 16
    programs: float = 0.3
    validated: int = 64
    seed: int = 0
    device: str = ""

    def run(self, work: Work) -> dict[str, Any]:
        corpus: Corpus = work.inputs["corpus"]
        windows = Mixture(
            text=corpus.train,
            programs=corpus.programs,
            share=self.programs,
            length=self.length + 1,
            batch=self.batch_size,
            seed=self.seed,
        )
        fields = SparseTraining.__dataclass_fields__
        checkpoint = work.folder / "training.safetensors"
        found = train_sparse(
            self._untrained(corpus),
            windows,
            SparseTraining(**{name: getattr(self, name) for name in fields}),
            validation=held_out(corpus.validation, length=self.length + 1, n=self.validated),
            checkpoint=checkpoint,
            progress=work.progress,
        )
        model = Model(found.model, corpus.tokenizer, name="weight-sparse transformer")
        model.save_pretrained(work.folder)
        checkpoint.unlink(missing_ok=True)
        return model_facts(model, model.name) | {
            "nonzero": found.counts.nonzero,
            "kept_sparse": found.counts.total,
            "density": found.counts.density,
            "densest": found.counts.densest,
            "asked": found.asked,
            "possible": found.possible,
            "tokens": self.steps * self.batch_size * self.length,
            "validation_loss": found.curve[-1]["validation"],
            "validation_tokens": self.validated * self.length,
            "last": found.curve[-1],
            "curve": thinned(found.curve),
        }

    def _untrained(self, corpus: Corpus) -> WeightSparseForCausalLM:
        """The model before training, with its table counted."""
        try:
            config = WeightSparseConfig(
                vocab_size=len(corpus.tokenizer),
                num_hidden_layers=self.layers,
                hidden_size=self.d_model,
                head_dim=self.d_head,
                intermediate_size=self.d_mlp or None,
                max_position_embeddings=self.length,
                kept_share=self.kept_share,
                sinks=self.sinks,
                bigrams=self.bigrams,
                eos_token_id=int(corpus.tokenizer.convert_tokens_to_ids(END)),  # pyright: ignore
            )
        except ValueError as error:
            raise ModelError(str(error)) from error
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = WeightSparseForCausalLM(config)
        if self.bigrams == "counted":
            model.bigram_table.copy_(bigram_logits(corpus.train))
        device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        return model.to(torch.device(device))  # pyright: ignore[reportArgumentType]

    def open(self, folder: Path, inputs: Mapping[str, Any]) -> Model:
        return load(folder, device=self.device or None)
