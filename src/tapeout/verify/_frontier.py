"""Recovery against circuit size, and the smallest circuit that is good enough."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..circuits import Scores
from ..interventions import Mean, Partners, Replacement, replacement_of
from ..models import Model
from ..notebook import shown
from ..tasks import Split
from ._evaluate import evaluate
from ._intervals import Share

GRID = (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Shares of the universe at which a frontier is measured first."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One size on a frontier: with `size` nodes, `right` of `n` examples are still right."""

    size: int
    share: float
    right: int
    n: int

    @property
    def accuracy(self) -> Share:
        return Share(self.right, self.n)


@dataclass(frozen=True, kw_only=True)
class Frontier:
    """Accuracy of the top-scored circuits of rising size.

    Attributes:
        points: by size; a grid, and what bisection tried between two points of it.
        full: the whole model on the same examples.
        split: the examples, as a rule the validation split.
        replacement, reference, positions: what dropped nodes were given, and where.
        criterion: when an example counts as right, see `tasks.Criterion`.
    """

    points: list[Point]
    full: Share
    split: str
    replacement: str
    reference: str
    positions: str
    criterion: str

    def smallest(
        self, target: float = 0.9, *, relative: bool = True, confident: bool = False
    ) -> Point | None:
        """The smallest size that keeps the target and from which every larger point does.

        Frontiers are not monotone, so a lucky small circuit below a failing larger one does not
        count.

        Args:
            target: accuracy to keep.
            relative: as a part of the full model's accuracy, not of 1.
            confident: the lower end of the accuracy's 95% interval must keep it. A size that was
                chosen where the accuracy itself just does falls short on new examples as often as
                not.
        """
        bar = target * (self.full.value if relative else 1.0)
        best = None
        for point in reversed(self.points):
            reached = point.accuracy.low if confident else point.accuracy.value
            if reached + 1e-12 < bar:
                break
            best = point
        return best

    def _repr_html_(self) -> str:
        rows = [(f"{p.size:,}", f"{p.share:.2%}", p.accuracy) for p in self.points]
        said = f"{self.split}, {self.replacement} replacement, {self.criterion}; full model "
        head = ("nodes", "share", "accuracy, 95% interval")
        return shown(f"{said}{self.full}", head, rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "split": self.split,
            "replacement": self.replacement,
            "reference": self.reference,
            "positions": self.positions,
            "criterion": self.criterion,
            "full": self.full.to_dict(),
            "points": [
                asdict(point)
                | {"accuracy": point.accuracy.value}
                | {"low": point.accuracy.low, "high": point.accuracy.high}
                for point in self.points
            ],
        }


def frontier(
    model: Model,
    scores: Scores,
    split: Split,
    replacement: str | Replacement = "counterfactual",
    *,
    shares: Sequence[float] = GRID,
    target: float = 0.9,
    relative: bool = True,
    bisections: int = 4,
    batch_size: int = 64,
    sliced: bool | None = None,
    known: Sequence[Point] = (),
    found: Callable[[Point], None] | None = None,
    progress: Progress | None = None,
) -> Frontier:
    """Measure the top-scored circuits of the given sizes, then bisect to the smallest that will do.

    Bisection stays inside the one bracket between the last grid point that misses the target and
    the first from which all pass. Under zero and mean replacement each point runs on a sliced
    model, so small circuits cost little.

    Args:
        model: the model.
        scores: what ranks the nodes.
        split: the examples, as a rule `task.validation`.
        replacement: `zero`, `counterfactual`, `resample`, or a replacement (such as a `Mean`).
        shares: the grid, as parts of the universe.
        target: the accuracy that bisection looks for.
        relative: as a part of the full model's accuracy, not of 1.
        bisections: how many times to halve the bracket; 0 leaves it at the grid.
        batch_size: examples per forward.
        sliced: as in `evaluate`.
        known: points of an earlier, interrupted call; they are not measured again.
        found: called with every new point.
        progress: called with the points done and the most that there can be.

    Raises:
        InterventionError: an unknown replacement, or `mean` without means.
        TaskError: the split does not have what the replacement needs.
    """
    fill = replacement_of(replacement)
    full = evaluate(model, split, batch_size=batch_size).accuracy
    points = {point.size: point for point in known}
    most = len(shares) + bisections
    partners = Partners.of(model, scores.universe, fill)

    def measure(k: int) -> Point:
        circuit = scores.top(k)
        if k not in points:
            options = {"batch_size": batch_size, "sliced": sliced, "partners": partners}
            accuracy = evaluate(model, split, circuit, fill, **options).accuracy
            share = k / scores.universe.size
            points[k] = Point(size=k, share=share, right=accuracy.right, n=accuracy.n)
            if found is not None:
                found(points[k])
        if progress is not None:
            progress(min(len(points), most), most)
        return points[k]

    def result() -> Frontier:
        return Frontier(
            points=[points[size] for size in sorted(points)],
            full=full,
            split=split.name,
            replacement=fill.name,
            reference=fill.reference if isinstance(fill, Mean) else "",
            positions=fill.positions if isinstance(fill.positions, str) else "chosen",
            criterion=split.criterion.name,
        )

    for share in shares:
        measure(round(share * scores.universe.size))
    for _ in range(bisections):
        best = result().smallest(target, relative=relative)
        if best is None:
            break
        below = max((size for size in points if size < best.size), default=best.size)
        middle = (below + best.size) // 2
        if middle in points:
            break
        measure(middle)
    return result()
