"""Cutting a circuit out of its model, and measuring what that gains."""

from ._extract import as_static, extract, slice_model

__all__ = ["as_static", "extract", "slice_model"]
