"""Audits: what a circuit and a model's activations are like, beside the proof that it works."""

from ._energy import Energy, MaskEnergy, mask_energy
from ._geometry import Cloud, Geometry, geometry
from ._mass import AttributionShare, Mass, attribution_share
from ._measures import effective_rank, linear_cka, participation_ratio, subspace_overlap
from ._places import SITES, Audited
from ._projection import RANKS, LowRank, RankPoint, low_rank, principal

__all__ = [
    "RANKS",
    "SITES",
    "AttributionShare",
    "Audited",
    "Cloud",
    "Energy",
    "Geometry",
    "LowRank",
    "MaskEnergy",
    "Mass",
    "RankPoint",
    "attribution_share",
    "effective_rank",
    "geometry",
    "linear_cka",
    "low_rank",
    "mask_energy",
    "participation_ratio",
    "principal",
    "subspace_overlap",
]
