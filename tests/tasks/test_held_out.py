import pytest

from tapeout.errors import TaskError
from tapeout.tasks import TASKS, Counts, DigitTask, build, is_held_out

from .checks import check
from .toy_tokenizers import SINGLE_DIGITS, toy

TOY = toy(SINGLE_DIGITS)
NAMES = [name for name, listed in TASKS.items() if isinstance(listed.builder, DigitTask)]


def test_six_tasks_have_the_split():
    assert len(NAMES) == 6


def test_the_split_is_for_good():
    known = {"pair:27+48": False, "pair:1+2": True, "pair:3+4": True, "pair:5+5": False}
    known |= {"text:7": True, "text:1234": False, "text:04": False}
    assert {key: is_held_out(key) for key in known} == known
    pairs = [f"pair:{a}+{b}" for b in range(100) for a in range(b + 1)]
    assert 0.19 < sum(map(is_held_out, pairs)) / len(pairs) < 0.21


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1])
def test_validation_and_test_ask_what_no_base_is_trained_on(name: str, seed: int):
    task = build(name, TOY, n=60, seed=seed, held_out=True)
    check(task, Counts.of(60))
    for split in task.splits:
        new = split in (task.validation, task.test)
        keys = {key for example in split for key in example.content}
        assert all(is_held_out(key) == new for key in keys)


def test_shots_are_of_the_side_that_bases_know():
    for seed in range(5):
        task = build("copy", TOY, n=8, seed=seed, shots=3, held_out=True)
        lines = task.test[0].prompt.split("\n")[:3]
        assert not any(is_held_out(f"text:{line.partition('=')[2]}") for line in lines)


def test_the_default_size_fits_in_the_split():
    for name in ("addition", "comparison", "copy"):
        assert len(build(name, TOY, held_out=True).test) == 400


def test_more_than_are_held_out():
    with pytest.raises(TaskError, match=r"5050 pairs .* of which 1006 are held out, but valid"):
        build("addition", TOY, n=700, held_out=True)
