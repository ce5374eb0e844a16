"""What a sweep finds: trials, the front of size against loss, the smallest good enough."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...circuits import EdgeScores, Scores, load_edge_scores
from ...errors import TaskError
from ._propose import Sampler
from ._space import Settings


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A mask that was learned.

    Attributes:
        number: of its settings in the order of the sweep; 0 is where the search starts.
        seed: of its training.
        settings: what was varied.
        steps: that its training took.
        size, share: of its circuit; nodes, or edges on a path to the logits.
        loss: of that circuit on the validation split, mean over the examples.
    """

    number: int
    seed: int
    settings: Settings
    steps: int
    size: int
    share: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A mask that could not be learned; `failed` says why."""

    number: int
    seed: int
    settings: Settings
    failed: str


def front(trials: Iterable[Trial]) -> list[Trial]:
    """The trials that no other one beats in size without losing in loss, smallest first.

    Of equal ones the first is taken.
    """
    found: list[Trial] = []
    for trial in sorted(trials, key=lambda t: (t.size, t.loss, t.number, t.seed)):
        if not found or trial.loss < found[-1].loss:
            found.append(trial)
    return found


def place_of(folder: Path, number: int, seed: int) -> Path:
    """Where in a sweep's folder one mask lies."""
    return folder / f"trial-{number:04d}-seed-{seed}"


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a sweep found.

    Attributes:
        folder: where it lies.
        trials, failed: in the order in which they were tried; a trial fails where its loss is no
            longer finite.
        full, empty: the validation loss with every gate open, and with every gate closed.
        sampler: what chose the settings.
    """

    folder: Path
    trials: list[Trial]
    failed: list[Failure]
    full: float
    empty: float
    sampler: Sampler

    @property
    def front(self) -> list[Trial]:
        """The trials that no other one beats in both size and loss, smallest first."""
        return front(self.trials)

    def limit(self, relative: float) -> float:
        """The loss a part of the way from `full` (0) to `empty` (1).

        Raises:
            TaskError: keeping nothing loses no more than keeping all.
        """
        if self.empty <= self.full:
            raise TaskError(
                f"the loss of no gate open, {self.empty:.4g}, is not above that of all open, "
                f"{self.full:.4g}, so there is no way between them: give the loss itself"
            )
        return self.full + relative * (self.empty - self.full)

    def best(self, *, loss: float | None = None, relative: float | None = None) -> Trial:
        """The smallest circuit that loses no more than a limit.

        Args:
            loss: the limit, ...
            relative: ... or a part of the way from every gate open to every gate closed.

        Raises:
            TaskError: neither or both are given, or no trial is that good.
        """
        if (loss is None) == (relative is None):
            raise TaskError("pass either loss, a limit, or relative, a part of what can be lost")
        limit = loss if loss is not None else self.limit(relative or 0.0)
        good = [trial for trial in self.front if trial.loss <= limit]
        if good:
            return good[0]
        if not self.trials:
            raise TaskError(f"every trial failed; the first: {self.failed[0].failed}")
        least = min(self.trials, key=lambda trial: trial.loss)
        raise TaskError(
            f"no trial's loss is at or below {limit:.4g}; the least is {least.loss:.4g}, at "
            f"{least.share:.1%} of the gates. Raise the limit, lower the weight on size in the "
            "space, or try more"
        )

    def scores(self, trial: Trial) -> Scores | EdgeScores:
        """A trial's mask: above 0 a node or edge is kept.

        Raises:
            CircuitError: its folder is gone or damaged.
        """
        place = place_of(self.folder, trial.number, trial.seed)
        edges = (place / "edge_scores_config.json").is_file()
        return load_edge_scores(place) if edges else Scores.load(place)
