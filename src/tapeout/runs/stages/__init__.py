"""The kinds of stage that a recipe can hold."""

from .._stage import Stage
from ._activations import Activations
from ._amplify import Localise, Pivots, RandomLike
from ._audit import Audit, TransferStage
from ._base import Base
from ._bridge import DENSE, Bridge, Steer, Texts
from ._checks import Checks
from ._compose import Compose, Route
from ._condition import Condition
from ._decompose import Contrast, Decompose, GradientStage
from ._directions import DirectionStage
from ._edges import Edges
from ._energy import CoverageStage, EnergyStage
from ._find import Find, FrontierStage
from ._harness import HarnessStage
from ._inputs import Load, Means, TaskStage
from ._interface import Interface
from ._mask import Mask
from ._problems import Problems, Solve
from ._prove import Extract, Measure, Verify
from ._reasoner import ReasonerStage
from ._select import Given, Select
from ._smallest import Smallest
from ._span import SpanStage
from ._sparse import CorpusStage, Train
from ._squeeze import SqueezeStage
from ._sweep import Sweep
from ._toy import ToyStage
from ._update import Amplify, Tune
from ._weight_edges import MeanSize, WeightEdgesStage

__all__ = ["DENSE", "KINDS"]

KINDS: dict[str, type[Stage]] = {
    stage.kind: stage
    for stage in (
        Load,
        Base,
        ReasonerStage,
        CorpusStage,
        Train,
        TaskStage,
        Interface,
        Texts,
        Bridge,
        Steer,
        Means,
        Find,
        Edges,
        Condition,
        Mask,
        Sweep,
        FrontierStage,
        Smallest,
        Select,
        Given,
        SqueezeStage,
        Compose,
        Route,
        Verify,
        WeightEdgesStage,
        MeanSize,
        Checks,
        Activations,
        Audit,
        TransferStage,
        Extract,
        Measure,
        Problems,
        Solve,
        Pivots,
        Localise,
        RandomLike,
        Amplify,
        Tune,
        HarnessStage,
        GradientStage,
        Contrast,
        Decompose,
        DirectionStage,
        EnergyStage,
        CoverageStage,
        SpanStage,
        ToyStage,
    )
}
"""Stages by the `kind` that recipes name."""
