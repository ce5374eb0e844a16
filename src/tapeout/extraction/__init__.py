"""Cutting a circuit out of its model, and measuring what that gains."""

from ._extract import as_static, extract, slice_model
from ._measure import Measured, SideBySide, side_by_side

__all__ = ["Measured", "SideBySide", "as_static", "extract", "side_by_side", "slice_model"]
