"""Is the task worth a circuit: can the full model do it at all?"""

from dataclasses import dataclass
from typing import Any

from ..errors import TaskError
from ..models import Model
from ..tasks import Split, Task
from ._evaluate import evaluate
from ._intervals import Average, Share


@dataclass(frozen=True, kw_only=True)
class Worth:
    """How well the full model does a task.

    Attributes:
        criterion: when an example counts as right, see `tasks.Criterion`.
        metrics: each of the task's metrics.
    """

    task: str
    split: str
    criterion: str
    accuracy: Share
    metrics: dict[str, Average]

    def require(self, minimum: float = 0.5) -> None:
        """Refuse a task that the model cannot do.

        Raises:
            TaskError: the accuracy is below `minimum`.
        """
        if self.accuracy.value < minimum:
            raise TaskError(
                f"the model gets {self.accuracy} of {self.split} right ({self.criterion}), below "
                f"{minimum:.0%}: a "
                "circuit of something that it cannot do would mean nothing. Choose another task "
                "or model, or lower the minimum if you know what you are doing"
            )

    def to_dict(self) -> dict[str, Any]:
        metrics = {name: average.to_dict() for name, average in self.metrics.items()}
        return {
            "task": self.task,
            "split": self.split,
            "criterion": self.criterion,
            "accuracy": self.accuracy.to_dict(),
            "metrics": metrics,
        }


def worth(model: Model, task: Task, split: Split | None = None, *, batch_size: int = 64) -> Worth:
    """Run the full model on a split (validation by default)."""
    split = split or task.validation
    metrics = list(task.metrics.values())
    outcome = evaluate(model, split, metrics=metrics, batch_size=batch_size)
    return Worth(
        task=task.name,
        split=split.name,
        criterion=split.criterion.name,
        accuracy=outcome.accuracy,
        metrics={metric.name: outcome.average(metric.name) for metric in metrics},
    )
