import keyword
from itertools import combinations

from tapeout.tasks import SPLITS
from tapeout.tasks.python._words import EVERY_WORD, LEAST, NUMBERS, WORDS_OF

NAMES = [kind for kind in EVERY_WORD if kind != "num"]


def test_no_word_is_in_two_splits_or_of_two_kinds():
    where = [(split, kind) for split in SPLITS for kind in NAMES]
    for one, other in combinations(where, 2):
        assert not set(WORDS_OF[one[0]][one[1]]) & set(WORDS_OF[other[0]][other[1]])
    for kind, words in EVERY_WORD.items():
        assert len(set(words)) == len(words)
        assert kind == "num" or len(words) == sum(len(WORDS_OF[split][kind]) for split in SPLITS)


def test_every_split_has_enough_words():
    for split in SPLITS:
        assert all(len(WORDS_OF[split][kind]) >= LEAST for kind in NAMES)
        assert WORDS_OF[split]["num"] == NUMBERS


def test_words_are_names_and_none_has_a_part_in_the_templates():
    fixed = {
        "self",
        "i",
        "current",
        "open",
        "print",
        "range",
        "enumerate",
        "set",
        "input",
        "output",
    }
    fixed |= {"source", "target", "src", "dst", "in", "gzip", "io", "read", "write", "txt", "add"}
    for kind in NAMES:
        for word in EVERY_WORD[kind]:
            assert word.isidentifier() and not keyword.iskeyword(word) and word not in fixed
