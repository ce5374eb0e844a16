"""The masked term: be right with only the current top nodes left."""

import random

import torch
from torch import Tensor

from ..circuits import Scores, Universe
from ..find import attribution
from ..interventions import Recorded, Zero, record, restrict
from ..models import Model
from ..tasks import LOG_LIKELIHOOD, Shuffled, Split
from ._config import Conditioning


class Masked:
    """A circuit that shrinks while the model is trained to do with it.

    Nodes are ranked anew as the model changes, the number that is kept falls geometrically, and
    what stands in for the others alternates between the replacements.
    """

    def __init__(self, model: Model, split: Split, config: Conditioning) -> None:
        self.model, self.split, self.config = model, split, config
        self.universe = Universe.of(model.shape, config.universe)
        partner = "counterfactual" if "counterfactual" in config.replacements else None
        batches = list(split.batches(config.masked_batch, partner=partner))
        self.batches = Shuffled(batches, config.seed + 1)
        self.values = torch.zeros(self.universe.size)

    def share(self, step: int) -> float:
        """Of the nodes that are kept at a step."""
        c = self.config
        part = min(step / max(c.anneal * c.steps, 1), 1.0)
        smallest = c.start * (c.keep / c.start) ** part
        if c.spread == 1:
            return smallest
        return min(smallest * c.spread ** random.Random(f"{c.seed}/{step}").random(), 1.0)

    def rank(self, step: int) -> None:
        """Score the nodes of the model as it is, if it is time to."""
        c = self.config
        if step % c.refresh == 0 and (step == 0 or step < c.refresh_until * c.steps):
            split = self.split.take(c.scored)
            options = {"baseline": c.baseline, "batch_size": c.masked_batch}
            self.values = attribution(self.model, split, self.universe, **options).values

    def losses(self, step: int) -> dict[str, Tensor]:
        """Cross-entropy of the answers, mean over rows and tokens, with the top nodes alone."""
        c = self.config
        batch = self.batches.at(step)
        k = max(round(self.share(step) * self.universe.size), 1)
        kept = Scores(self.universe, self.values).top(k).kept
        fill: Zero | Recorded = Zero()
        if c.replacements[step % len(c.replacements)] == "counterfactual":
            assert batch.partners is not None
            values = record(self.model, batch.partners, self.universe.places)
            fill = Recorded(values=values)
        with restrict(self.model, self.universe.expand(kept), fill):
            logits = self.model.logits(batch.tokens, keep=batch.answer_length)
        return {"masked": -LOG_LIKELIHOOD.of(logits, batch).mean() / batch.answer_length}
