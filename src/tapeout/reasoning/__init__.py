"""Problems whose answers can be checked: word problems with worked solutions, and how to score."""

from ._answers import parse_answer, stated_answer
from ._filter import filter_templates
from ._library import built_in, read_templates
from ._problem import PARTS, Problem, ProblemSplit
from ._prompting import Frame, Prompting
from ._reasoner import Reasoner, ReasonerConfig, reasoner
from ._registry import REASONING_TASKS, build
from ._score import Score, score
from ._task import ReasoningTask
from ._template import Template
from ._unseen import is_unseen
from ._word_tokenizer import word_tokenizer
from .gsm8k import gsm8k
from .gsm_symbolic import gsm_symbolic
from .word_problems import word_problems

__all__ = [
    "PARTS",
    "REASONING_TASKS",
    "Frame",
    "Problem",
    "ProblemSplit",
    "Prompting",
    "Reasoner",
    "ReasonerConfig",
    "ReasoningTask",
    "Score",
    "Template",
    "build",
    "built_in",
    "filter_templates",
    "gsm8k",
    "gsm_symbolic",
    "is_unseen",
    "parse_answer",
    "read_templates",
    "reasoner",
    "score",
    "stated_answer",
    "word_problems",
    "word_tokenizer",
]
