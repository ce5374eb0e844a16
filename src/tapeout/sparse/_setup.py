"""A model before its training, and the windows of a corpus that it is to see."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import ModelError
from ..models.configuration_weight_sparse import WeightSparseConfig
from ..models.modeling_weight_sparse import WeightSparseForCausalLM
from ._bigrams import bigram_logits
from ._mixture import Mixture, held_out
from ._prepare import Corpus

MOST_BIGRAMS = 2**14
"""Tokens of a model with a table of bigrams: 1 GiB."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Sizes of a model, and of what it reads at a step.

    Attributes:
        layers, d_model, d_head, d_mlp: sizes; 0 MLP channels are four times `d_model`.
        kept_share: of the channels that AbsTopK leaves at every node; 1 for none.
        sinks: give every head a sink.
        bigrams: `counted` and frozen, `learned`, or `none`.
        length, batch_size: tokens of a window, windows of a step.
        programs: share of windows that are programs of the tasks.
        validated: windows that a validation loss is over: of real code, and as many of programs.
        seed: of weights and windows.
        device: where it runs; empty for the GPU if there is one.
    """

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

    def untrained(self, corpus: Corpus) -> WeightSparseForCausalLM:
        """The model before training, with its table counted.

        Raises:
            ModelError: sizes that do not go together, or a table of bigrams that has no room.
        """
        if self.bigrams != "none" and (size := len(corpus.tokenizer)) > MOST_BIGRAMS:
            raise ModelError(
                f"a table of bigrams for {size:,} tokens takes {4 * size**2 / 2**30:.1f} GiB: set "
                "bigrams: none"
            )
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
                eos_token_id=corpus.tokenizer.eos_token_id,  # pyright: ignore[reportArgumentType]
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

    def windows(self, corpus: Corpus) -> Mixture:
        """What every step reads."""
        return Mixture(
            text=corpus.train,
            programs=corpus.programs,
            share=self.programs,
            length=self.length + 1,
            batch=self.batch_size,
            seed=self.seed,
        )

    def validation(self, corpus: Corpus) -> Tensor:
        """Windows of real code that are in no step; shape [rows, length + 1]."""
        return held_out(corpus.validation, length=self.length + 1, n=self.validated)

    def validation_programs(self, corpus: Corpus) -> Tensor | None:
        """Windows of programs whose names are in no step; None if it trains on none."""
        if not self.programs:
            return None
        return held_out(corpus.validation_programs, length=self.length + 1, n=self.validated)
