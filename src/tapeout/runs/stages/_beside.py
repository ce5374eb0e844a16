"""A model that was changed, beside its base."""

from typing import Any

from ...models import Model
from ...tasks import Task
from ...verify import effect_on


def beside(base: Model, changed: Model, task: Task) -> dict[str, Any]:
    """Accuracy before and after, and the distance between, on the test split."""
    return effect_on(base, changed, task.test).to_dict()
