"""The kinds of stage that a recipe can hold."""

from .._stage import Stage
from ._find import Find, FrontierStage, Given, Select
from ._inputs import Load, Means, TaskStage
from ._mask import Mask
from ._prove import Extract, Measure, Verify

KINDS: dict[str, type[Stage]] = {
    stage.kind: stage
    for stage in (
        Load,
        TaskStage,
        Means,
        Find,
        Mask,
        FrontierStage,
        Select,
        Given,
        Verify,
        Extract,
        Measure,
    )
}
