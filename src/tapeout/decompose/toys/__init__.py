"""Models whose circuits are known, and how near directions come to them (paper 4, section 3)."""

from ._circuits import circuits, ml2r, mmcs
from ._coefficients import coefficient_cap, coefficient_r2, coefficients_of
from ._data import sparse_inputs
from ._measures import MIDDLE, main_directions, measures
from ._models import Autoencoder, Deep, Parallel
from ._owners import groups_found, owners, shares
from ._toy import TOYS, Toy, ToyConfig, toy, train_toy

__all__ = [
    "MIDDLE",
    "TOYS",
    "Autoencoder",
    "Deep",
    "Parallel",
    "Toy",
    "ToyConfig",
    "circuits",
    "coefficient_cap",
    "coefficient_r2",
    "coefficients_of",
    "groups_found",
    "main_directions",
    "measures",
    "ml2r",
    "mmcs",
    "owners",
    "shares",
    "sparse_inputs",
    "toy",
    "train_toy",
]
