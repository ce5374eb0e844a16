"""Problems whose answers can be checked: word problems with worked solutions, and how to score."""

from ._answers import parse_answer, stated_answer
from ._library import built_in, read_templates
from ._problem import PARTS, Problem, ProblemSplit
from ._prompting import Frame, Prompting
from ._task import ReasoningTask
from ._template import Template
from .word_problems import word_problems

__all__ = [
    "PARTS",
    "Frame",
    "Problem",
    "ProblemSplit",
    "Prompting",
    "ReasoningTask",
    "Template",
    "built_in",
    "parse_answer",
    "read_templates",
    "stated_answer",
    "word_problems",
]
