"""Which components promote the tokens that lead to right answers (paper 2, 3.1.2)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..circuits import Circuit
from ..errors import AmplifyError
from ..find.masks import LearnedMask, learn_mask
from ..interventions import Pasts, Scale
from ..models import Model
from ..verify import Average
from ._evidence import Evidence, against_random, differences
from ._localising import Localising
from ._pairs import PairSplit, divide, pair_split
from ._records import LocalisationSet

Progress = Callable[[int, int], None]

KINDS = {
    "attn.q:head": "q_heads",
    "attn.k:head": "k_heads",
    "attn.v:head": "v_heads",
    "mlp.post_act:channel": "mlp_neurons",
}
"""Parts of a universe under the names of paper 2, table 7."""


def counts(circuit: Circuit) -> dict[str, int | float]:
    """How many components of each kind a mask keeps, as in paper 2, table 7.

    `components` are all that could be kept: with grouped attention a layer has fewer key and value
    heads than query heads. `share` is `kept` of them.
    """
    kept = {KINDS.get(part, part): n for part, (n, _) in circuit.by_part().items()}
    whole = {"kept": circuit.size, "components": circuit.universe.size, "share": circuit.share}
    return kept | whole


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What one λ gave.

    Attributes:
        penalty: λ.
        mask: its gates, the components that it keeps, and how the training went.
        rise: by how much the kept components, multiplied, raise the logit difference of the
            validation pairs.
    """

    penalty: float
    mask: LearnedMask = field(repr=False)
    rise: Average

    def to_dict(self) -> dict[str, Any]:
        steps, last = len(self.mask.curve), self.mask.curve[-1]
        row: dict[str, Any] = {"penalty": self.penalty, "steps": steps, "loss": last["loss"]}
        return row | counts(self.mask.circuit) | {"rise": self.rise.to_dict()}


@dataclass(frozen=True, kw_only=True)
class Localised:
    """The components that promote desired tokens, and what speaks for them.

    Attributes:
        circuit: the mask; its origin says how it came about.
        penalty: its λ.
        tried: every λ, in the order of the config.
        evidence: on pairs of problems that it was neither learned nor chosen on.
        pairs: name of a part -> how many pairs it has.
    """

    circuit: Circuit
    penalty: float
    tried: tuple[Tried, ...]
    evidence: Evidence
    pairs: dict[str, int]

    @property
    def counts(self) -> dict[str, int | float]:
        return counts(self.circuit)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a results file."""
        return {
            "penalty": self.penalty,
            **self.counts,
            "pairs": self.pairs,
            "evidence": self.evidence.to_dict(),
            "tried": [one.to_dict() for one in self.tried],
        }


def localise(
    model: Model,
    pairs: LocalisationSet,
    *,
    config: Localising | None = None,
    folder: Path | None = None,
    transfer: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Localised:
    """Learn a mask with every λ, and choose one on pairs that were held out.

    Chosen is the mask that raises the logit difference of the validation pairs most, among those
    that keep at most `share` of the components; the evidence is of the test pairs, that is of
    other problems still.

    Args:
        model: the model; it is not changed.
        pairs: its localisation set.
        config: how; or its fields as keyword arguments.
        folder: where trainings are saved as they go, to go on from.
        transfer: allow pairs of another model's traces.
        progress: called with the steps done and the most there can be, over all λ.

    Raises:
        AmplifyError: the pairs do not fit the model, are too few, or no mask is of a size that may
            be chosen.
        TaskError: the loss is no longer finite.
        CircuitError: the components do not exist in this model.
        RunError: a checkpoint is damaged, or of another training.
    """
    config = config or Localising(**options)
    if pairs.model.weights != model.fingerprint.weights and not transfer:
        raise AmplifyError(
            f"the pairs of {pairs.name} come from traces of {pairs.model.name}, whose weights are "
            f"not those of {model.name}: collect pairs of this model, or pass transfer=True"
        )
    split = pair_split(pairs, model)
    train, validation, test = divide(
        split, validation=config.validation, test=config.test, seed=config.seed
    )
    train = train.balanced(config.balance, config.seed)
    search = _Search(model, pairs, train, validation, config)
    tried = tuple(search.learn(place, folder, progress) for place in range(len(config.penalties)))
    chosen = choose(tried, config.share)
    evidence = against_random(
        model,
        test,
        chosen.mask.circuit,
        search.scale,
        draws=config.draws,
        seed=config.seed,
        pasts=search.pasts,
        batch_size=config.batch_size,
    )
    origin = {
        "method": "localise",
        "config": {**asdict(config), "penalties": list(config.penalties)},
        "penalty": chosen.penalty,
        "pairs": {"name": pairs.name, "prefix": len(pairs.prefix), "origin": dict(pairs.origin)},
        "amplified": {"factor": config.factor, "positions": config.positions},
    }
    found = chosen.mask.circuit
    parts = {"train": len(train), "validation": len(validation), "test": len(test)}
    return Localised(
        circuit=Circuit(found.universe, found.kept, found.fingerprint, origin),
        penalty=chosen.penalty,
        tried=tried,
        evidence=evidence,
        pairs=parts,
    )


def choose(tried: tuple[Tried, ...], share: float) -> Tried:
    """The mask of the largest rise among those that keep something and at most `share`.

    Raises:
        AmplifyError: there is none.
    """
    fitting = [one for one in tried if 0 < one.mask.circuit.share <= share]
    if fitting:
        return max(fitting, key=lambda one: one.rise.value)
    sizes = ", ".join(f"{one.penalty:g}: {one.mask.circuit.share:.3%}" for one in tried)
    advice = "Add penalties between them."
    if not any(one.mask.circuit.size for one in tried):
        advice = "Lower the penalties, or train for more epochs."
    elif all(one.mask.circuit.share > share for one in tried):
        advice = "Raise the penalties, train for more epochs, or allow a larger share."
    raise AmplifyError(
        f"no mask keeps more than nothing and at most {share:.1%} of the components; by penalty "
        f"they keep {sizes}. {advice}"
    )


class _Search:
    """What the masks of all λ share."""

    def __init__(
        self,
        model: Model,
        pairs: LocalisationSet,
        train: PairSplit,
        validation: PairSplit,
        config: Localising,
    ) -> None:
        self.model, self.train, self.validation, self.config = model, train, validation, config
        self.scale = Scale(factor=config.factor, positions=config.positions)
        last = config.positions == "last"
        self.pasts = Pasts(model, pairs.prefix, config.cache_bytes) if last else None
        self.batches = len(list(train.batches(config.batch_size)))

    def learn(self, place: int, folder: Path | None, progress: Progress | None) -> Tried:
        """The mask of one λ, and what it does to the validation pairs."""
        config, penalty = self.config, self.config.penalties[place]
        settings = config.mask(penalty, self.batches)
        whole = settings.steps * len(config.penalties)

        def report(done: int, _: int) -> None:
            if progress is not None:
                progress(place * settings.steps + done, whole)

        mask = learn_mask(
            self.model,
            self.train,
            config.universe,
            pasts=self.pasts,
            config=settings,
            checkpoint=None if folder is None else folder / f"mask-{penalty:g}.safetensors",
            progress=report,
        )
        report(settings.steps, 0)
        return Tried(penalty=penalty, mask=mask, rise=self._rise(mask.circuit))

    def _rise(self, circuit: Circuit) -> Average:
        by_kept = [
            differences(
                self.model,
                self.validation,
                kept,
                self.scale,
                pasts=self.pasts,
                batch_size=self.config.batch_size,
            )
            for kept in (circuit, Circuit.empty(circuit.universe))
        ]
        rise = (by_kept[0] - by_kept[1]).tolist()
        return Average.resampled(rise, self.validation.problems, seed=self.config.seed)
