"""Bridges: a sparse model trained beside a frozen dense one, and maps between their streams."""

from ._bridge import Bridge, Bridges
from ._hybrid import Entering, Passed, Sublayers, paired
from ._losses import Wanted, nmse
from ._measure import Crossed, Crossings, crossings
from ._pick import controls, effects, label_of, largest, most_moving
from ._steer import Answers, Channel, Steering
from ._training import Bridged, BridgeTrainer, BridgeTraining, train_bridges

__all__ = [
    "Answers",
    "Bridge",
    "BridgeTrainer",
    "BridgeTraining",
    "Bridged",
    "Bridges",
    "Channel",
    "Crossed",
    "Crossings",
    "Entering",
    "Passed",
    "Steering",
    "Sublayers",
    "Wanted",
    "controls",
    "crossings",
    "effects",
    "label_of",
    "largest",
    "most_moving",
    "nmse",
    "paired",
    "train_bridges",
]
