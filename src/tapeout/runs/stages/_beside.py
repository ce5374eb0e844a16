"""A model that was changed, beside its base."""

from typing import Any

from ...models import Model
from ...tasks import Task
from ...verify import distance_from, evaluate


def beside(base: Model, changed: Model, task: Task) -> dict[str, Any]:
    """Accuracy before and after, and the distance between, on the test split."""
    distance = distance_from(base)
    longest = max(len(item.answers[0]) for item in task.test.encoded)
    rows = max(256 // longest, 1)  # the logits of long answers fill the memory
    before = evaluate(base, task.test, batch_size=rows).accuracy
    after = evaluate(changed, task.test, metrics=[distance], batch_size=rows)
    return {
        "split": task.test.name,
        "criterion": task.test.criterion.name,
        "base": before.to_dict(),
        "changed": after.accuracy.to_dict(),
        distance.name: after.average(distance.name).to_dict(),
    }
