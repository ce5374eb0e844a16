"""The names that programs are written with, and to which split each belongs for good."""

import random
from collections.abc import Mapping

from .._draw import deal
from .._task import SPLITS


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Names that the standard library uses often, so that a small vocabulary has many as one token.
VARIABLES = _list(
    "value data line result size node number message count index item token parent child level "
    "group entry table column record field label title width height length offset buffer stream "
    "header status state limit total score price amount letter color prefix suffix root queue "
    "stack cache path text body tag event owner weight rate speed depth order user client task "
    "job batch chunk block segment region version command address context pattern name key "
    "request response option section host port mode kind shape base part flag margin rank "
    "ratio step"
)
FUNCTIONS = _list(
    "load parse build check update create remove find send fetch convert compute process handle "
    "merge split join encode decode render collect filter select insert delete reset apply scan "
    "measure compare move resolve validate register publish prepare combine extract reduce search"
)
CLASSES = _list(
    "Handler Reader Writer Parser Worker Player Person Server Device Engine Game Image Book Car "
    "City Room Shop Report Project Product Account Customer Student Teacher Member Window Station "
    "Machine Planet Robot Ticket Vehicle Movie Lesson"
)
FILES = _list(
    "config names lines words notes users orders tests errors events values files methods modules "
    "logs tags maps cards scores prices tables points images links colors dates cities books "
    "songs games rules plans goals teams pages labels"
)
WORDS = _list(
    "hello world error ready failed missing empty closed first last left right start end new "
    "valid default local server module method string package test extra support change green blue "
    "red water house city river north summer apple bread bridge brother butter candle castle "
    "chair cheese church circle cloud coffee corner cotton cousin dance desert dinner "
    "doctor dream eagle engine family farmer father feather finger flower forest friend garden "
    "glass gold grass ground guitar hammer harbor heart honey horse island jacket kitchen ladder "
    "lemon light market meadow mirror money moon morning mother mountain music night ocean "
    "orange orchard paint paper pencil people pepper piano pilot pocket poem potato prince prize "
    "queen rabbit rain ribbon ring road rocket salt sand school shadow sheep ship shoulder silver "
    "sister sky smile snow song spring star stone storm story sugar sun teacher tiger tower "
    "train tree valley village violin voice wall weather west wheel wind window winter wolf wood"
)
NUMBERS = tuple(str(number) for number in range(1, 17))

LEAST = 8
"""Words of a kind that every split has at least: some programs take seven."""


def _divided() -> dict[str, dict[str, tuple[str, ...]]]:
    kinds = {
        "var": VARIABLES,
        "func": FUNCTIONS,
        "class": CLASSES,
        "file": FILES,
        "word": WORDS,
    }
    rng = random.Random("the words of programs")
    divided: dict[str, dict[str, tuple[str, ...]]] = {split: {} for split in SPLITS}
    for kind, words in kinds.items():
        for split, part in deal(words, rng, least=LEAST).items():
            divided[split][kind] = tuple(part)
    for split in SPLITS:
        divided[split]["num"] = NUMBERS
    return divided


WORDS_OF: Mapping[str, Mapping[str, tuple[str, ...]]] = _divided()
"""Split -> kind of slot -> its words. The division is the same for every seed and tokenizer, so a
model that is trained on programs of `train` has met no name of the other splits in one. Numbers are
not names: all splits share them."""

EVERY_WORD: Mapping[str, tuple[str, ...]] = {
    kind: tuple(dict.fromkeys(word for split in SPLITS for word in WORDS_OF[split][kind]))
    for kind in WORDS_OF["train"]
}
"""Kind of slot -> the words of all splits."""
