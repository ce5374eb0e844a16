"""Change only the circuit of a capability, so that it gets better (paper 2)."""

from ._records import LocalisationSet, Method, Record

__all__ = ["LocalisationSet", "Method", "Record"]
