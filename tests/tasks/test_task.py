import pytest

from tapeout.errors import TaskError
from tapeout.tasks import SPLITS, Counts, Example, Split, Task

from .toy_tokenizers import SINGLE_DIGITS, toy

TOY = toy(SINGLE_DIGITS)


def task_of(**changed: list[Example]) -> Task:
    splits = {
        split: [Example(prompt=f"{number}=", answers=("1",), content=(f"key:{split}",))]
        for number, split in enumerate(SPLITS)
    }
    return Task(
        name="x",
        **{name: Split(f"x/{name}", found, TOY) for name, found in (splits | changed).items()},
    )


def test_splits_may_not_share_a_prompt_or_content():
    task_of()
    with pytest.raises(TaskError, match=r"x/train and x/test share '0='"):
        task_of(test=[Example(prompt="0=", answers=("1",))])
    with pytest.raises(TaskError, match=r"x/validation and x/reference share 'key:validation'"):
        task_of(reference=[Example(prompt="9=", answers=("1",), content=("key:validation",))])
    task_of(train=[Example(prompt="5=", answers=("1",), content=("k",))] * 2)


def test_no_split_may_be_empty():
    with pytest.raises(TaskError, match="x/validation has no examples"):
        task_of(validation=[])


def test_metric_by_name():
    task = task_of()
    assert task.metric().name == task.metric("log_likelihood").name == "log_likelihood"
    with pytest.raises(TaskError, match="x has no metric 'loglikelihood': did you mean 'log_like"):
        task.metric("loglikelihood")


def test_first_tokens_are_those_of_prompts_and_counterfactuals():
    task = task_of(test=[Example(prompt="7=", answers=("1",), counterfactual="8=")])
    assert task.first_tokens == sorted(TOY("01378").input_ids)


def test_repr_tells_the_sizes():
    assert repr(task_of()) == "Task(x: 1 train, 1 validation, 1 test, 1 reference)"


def test_parts_of_a_split_say_what_they_are():
    split = Split("x/test", [Example(prompt=f"{n}=", answers=("1",)) for n in range(5)], TOY)
    assert (split.take(2).name, len(split.take(2))) == ("x/test[:2]", 2)
    assert list(split.take(2)) == list(split[:2])
    part = split.subset([3, 1], "odd")
    assert part.name == "x/test (odd)"
    assert [example.prompt for example in part] == ["3=", "1="]


def test_counts():
    assert dict(Counts.of(7).items()) == {"train": 7, "validation": 3, "test": 7, "reference": 3}
    own = Counts(train=1, validation=2, test=3, reference=4)
    assert Counts.of(own) is own
    with pytest.raises(TaskError, match="at least 2 examples per split, not 1"):
        Counts.of(1)
