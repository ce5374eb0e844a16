"""Running a batch through a model, or a circuit in it."""

from jaxtyping import Bool, Float
from torch import Tensor

from ..circuits import Circuit, EdgeCircuit
from ..interventions import (
    Partners,
    Replacement,
    Wiring,
    greedy,
    restrict,
    restrict_edges,
    writes,
)
from ..models import Model
from ..tasks import Batch, written_right


class Run:
    """A model, or a circuit in it, from batches to logits and answers."""

    def __init__(
        self,
        model: Model,
        circuit: Circuit | EdgeCircuit | None,
        replacement: Replacement,
        transfer: bool,
    ) -> None:
        self.model, self.circuit = model, circuit
        self.replacement, self.transfer = replacement, transfer
        self.partners: Partners | None = None

    def logits(self, batch: Batch) -> Float[Tensor, "rows length vocab"]:
        if self.circuit is None:
            return self.model.logits(batch.tokens, keep=batch.answer_length)
        fill, after = self.replacement, None
        if self.partners is not None:
            partner = self.partners.run(batch)
            fill, after = partner.replacement, partner.prefix
        assert isinstance(self.circuit, Circuit)
        with restrict(self.model, self.circuit, fill, transfer=self.transfer):
            return self.model.logits(batch.tokens, keep=batch.answer_length, after=after)

    def generated(self, batch: Batch) -> Bool[Tensor, " rows"]:
        """Whether the decoded answer is right, all of it."""
        if self.circuit is None:
            written = greedy(self.model, batch.prompts, batch.answer_length)
        else:
            prompts, forced = batch.prompts, None
            if batch.partners is not None:
                prompts = batch.lockstep_prompts
                forced = batch.partners.ids[:, prompts.ids.shape[1] :]
            assert isinstance(self.circuit, Circuit)
            with restrict(self.model, self.circuit, self.replacement, transfer=self.transfer):
                written = greedy(self.model, prompts, batch.answer_length, forced=forced)
        return written_right(written, batch)


class EdgeRun(Run):
    """A circuit of edges, under counterfactuals."""

    def __init__(
        self, model: Model, circuit: EdgeCircuit, replacement: Replacement, transfer: bool
    ) -> None:
        super().__init__(model, circuit, replacement, transfer)
        self.edges, self.wiring = circuit, Wiring(model, circuit.universe)

    def logits(self, batch: Batch) -> Float[Tensor, "rows length vocab"]:
        assert batch.partners is not None
        after = self.model.read(batch.tokens, batch.shared)
        other = writes(self.wiring, batch.partners, after=after)
        with restrict_edges(self.wiring, self.edges, other, transfer=self.transfer):
            return self.model.logits(batch.tokens, keep=batch.answer_length, after=after)
