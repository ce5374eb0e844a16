"""Whether a mask promotes desired tokens better than chance, on pairs it was not learned on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..circuits import Circuit
from ..interventions import Pasts, Scale, restrict
from ..models import Model
from ..tasks import LOGIT_DIFFERENCE
from ..verify import Average, random_like
from ._pairs import PairSplit


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What doubling the components of a mask does to held-out pairs, and what chance does.

    All averages are over pairs, in logits, with 95% intervals of a bootstrap over problems.

    Attributes:
        split: which pairs.
        n, problems: how many, and of how many problems.
        base: the desired token's logit less the undesired one's, in the model as it is.
        rise: by how much the mask raises it.
        random: by how much random masks do that keep as many components of each kind in each
            layer, mean over draws.
        over_random: pair by pair, the rise less the random masks' mean.
        draws: mean rise of each random mask.
        by_greedy: `over_random` of pairs whose greedy answer was `right` and `wrong`.
    """

    split: str
    n: int
    problems: int
    base: Average
    rise: Average
    random: Average
    over_random: Average
    draws: tuple[float, ...]
    by_greedy: Mapping[str, Average]

    def to_dict(self) -> dict[str, Any]:
        averages = ("base", "rise", "random", "over_random")
        return {
            "split": self.split,
            "n": self.n,
            "problems": self.problems,
            **{name: getattr(self, name).to_dict() for name in averages},
            "draws": list(self.draws),
            "by_greedy": {kind: value.to_dict() for kind, value in self.by_greedy.items()},
        }


def differences(
    model: Model,
    split: PairSplit,
    circuit: Circuit,
    scale: Scale,
    *,
    pasts: Pasts | None = None,
    batch_size: int = 8,
) -> Float[Tensor, " pairs"]:
    """Each pair's desired logit less its undesired one, with the circuit's components multiplied.

    Args:
        model: the model.
        split: the pairs.
        circuit: the components; the empty circuit gives the model as it is, to the last bit.
        scale: by what, and where.
        pasts: what steps of one token start behind, where only the last position is multiplied.
        batch_size: pairs per forward.
    """
    found = torch.zeros(len(split))
    with torch.no_grad(), model.frozen():
        for batch in split.batches(batch_size):
            after = pasts.of(batch.tokens) if pasts is not None else None
            with restrict(model, circuit, scale, transfer=True):
                logits = model.logits(batch.tokens, keep=1, after=after)
            found[batch.rows] = LOGIT_DIFFERENCE.of(logits, batch).float().cpu()
    return found


def against_random(
    model: Model,
    split: PairSplit,
    circuit: Circuit,
    scale: Scale,
    *,
    draws: int = 8,
    seed: int = 0,
    pasts: Pasts | None = None,
    batch_size: int = 8,
) -> Evidence:
    """Compare a mask with random ones of the same size and kind, pair by pair.

    Args:
        model: the model.
        split: pairs that the mask was neither learned nor chosen on.
        circuit: the mask.
        scale: by what its components are multiplied, and where.
        draws: how many random masks.
        seed: of the random masks and the bootstrap.
        pasts, batch_size: see `differences`.
    """

    def measured(kept: Circuit) -> Tensor:
        return differences(model, split, kept, scale, pasts=pasts, batch_size=batch_size)

    base = measured(Circuit.empty(circuit.universe))
    rise = measured(circuit) - base
    chance = []
    for draw in range(draws):
        control = random_like(circuit, 1000 * seed + draw)
        assert isinstance(control, Circuit)
        chance.append(measured(control) - base)
    random = torch.stack(chance).mean(dim=0)
    greedy = [record.greedy_right for record in split.records]

    def averaged(values: Tensor, rows: list[int]) -> Average:
        groups = [split.problems[row] for row in rows]
        return Average.resampled(values[rows].tolist(), groups, seed=seed)

    every = list(range(len(split)))
    kinds = {"right": [row for row in every if greedy[row]]}
    kinds["wrong"] = [row for row in every if not greedy[row]]
    return Evidence(
        split=split.name,
        n=len(split),
        problems=len(set(split.problems)),
        base=averaged(base, every),
        rise=averaged(rise, every),
        random=averaged(random, every),
        over_random=averaged(rise - random, every),
        draws=tuple(float(values.mean()) for values in chance),
        by_greedy={kind: averaged(rise - random, rows) for kind, rows in kinds.items() if rows},
    )
