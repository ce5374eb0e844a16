"""Nodes one by one: what they do, and whether that is as simple as it looks (paper 3)."""

from ._activity import Activity, activity
from ._diagram import Diagram, diagram, edges_on

__all__ = ["Activity", "Diagram", "activity", "diagram", "edges_on"]
