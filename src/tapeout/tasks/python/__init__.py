"""The twenty tasks on Python code of the paper on weight-sparse transformers (paper 3)."""

from ._programs import PYTHON_TASKS, programs, usability
from ._python_task import Fit, PythonTask

__all__ = ["PYTHON_TASKS", "Fit", "PythonTask", "programs", "usability"]
