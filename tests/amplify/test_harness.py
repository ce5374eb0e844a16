"""Public benchmarks: what the harness is asked, what its answer becomes, and what can go wrong."""

import random
import sys
import types

import numpy as np
import pytest
import torch

from tapeout.amplify import SHOTS, harness
from tapeout.amplify._harness import _undisturbed
from tapeout.amplify._harness_tasks import rows_of
from tapeout.errors import AmplifyError

from ..tiny import Sizes
from ..words import word_model

GROUP = {
    "results": {
        "mmlu_stem": {"alias": "stem", "acc,none": 0.45, "acc_stderr,none": 0.01},
        "algebra": {"alias": "algebra", "acc,none": 0.3, "acc_stderr,none": 0.04},
        "gsm8k": {
            "alias": "gsm8k",
            "exact_match,strict-match": 0.2,
            "exact_match_stderr,strict-match": "N/A",
            "exact_match,flexible-extract": 0.25,
            "exact_match_stderr,flexible-extract": 0.02,
        },
    },
    "group_subtasks": {"mmlu_stem": ["inner"], "inner": ["algebra", "biology"]},
    "n-samples": {
        "algebra": {"original": 100, "effective": 5},
        "biology": {"original": 90, "effective": 4},
        "gsm8k": {"original": 1319, "effective": 10},
    },
    "n-shot": {"algebra": 5, "biology": 5, "gsm8k": 8},
}


def test_rows_are_plain_and_of_the_task_alone():
    assert rows_of(GROUP, "mmlu_stem") == [
        {"task": "mmlu_stem", "metric": "acc", "value": 0.45, "stderr": 0.01, "n": 9, "shots": 5}
    ]
    strict, flexible = rows_of(GROUP, "gsm8k")
    assert (strict["metric"], strict["stderr"]) == ("exact_match (strict-match)", None)
    assert (flexible["value"], flexible["stderr"], flexible["n"]) == (0.25, 0.02, 10)
    grouped = {**GROUP, "results": {}, "groups": {"mmlu_stem": GROUP["results"]["mmlu_stem"]}}
    assert rows_of(grouped, "mmlu_stem") == rows_of(GROUP, "mmlu_stem")


class Harness(types.ModuleType):
    """A harness that notes what it is asked, and disturbs what it can."""

    def __init__(self, failure=None):
        super().__init__("lm_eval")
        self.asked, self.failure = [], failure
        self.tasks = types.SimpleNamespace(
            TaskManager=lambda: types.SimpleNamespace(all_tasks=[*SHOTS, "piqa"])
        )

    def simple_evaluate(self, **options):
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        if self.failure is not None:
            raise self.failure
        assert not torch.is_grad_enabled()
        self.asked.append(options)
        (task,) = options["tasks"]
        name = task if isinstance(task, str) else task["task"]
        shots = 0 if options["num_fewshot"] is None else options["num_fewshot"]
        return {
            "results": {name: {"acc,none": 0.5, "acc_stderr,none": 0.1}},
            "n-samples": {name: {"original": 9, "effective": options["limit"] or 9}},
            "n-shot": {name: shots},
        }


class Wrapped:
    """Like the harness's wrapper it changes the tokenizer and the model's mode."""

    def __init__(self, *, pretrained, tokenizer, backend, batch_size):
        self.model, self.tokenizer, self.batch_size = pretrained, tokenizer, batch_size
        assert backend == "causal"
        tokenizer.padding_side = "left"
        pretrained.eval()


@pytest.fixture
def installed(monkeypatch):
    def install(failure=None):
        fake, wrapper = Harness(failure), types.ModuleType("lm_eval.models.huggingface")
        setattr(wrapper, "HFLM", Wrapped)  # noqa: B010
        monkeypatch.setitem(sys.modules, "lm_eval", fake)
        monkeypatch.setitem(sys.modules, "lm_eval.models", types.ModuleType("lm_eval.models"))
        monkeypatch.setitem(sys.modules, "lm_eval.models.huggingface", wrapper)
        return fake

    return install


def test_tasks_are_asked_with_the_papers_shots(installed):
    fake, model = installed(), word_model(sizes=Sizes(layers=1))
    model.tokenizer.padding_side = "right"
    rows = harness(model, limit=3, batch_size=2)
    assert [row["task"] for row in rows] == list(SHOTS)
    assert [row["shots"] for row in rows] == [5, 5, 8, 8, 8]
    assert {row["n"] for row in rows} == {3}
    lm = fake.asked[0]["model"]
    assert lm.model is model.hf and lm.batch_size == 2
    assert model.tokenizer.padding_side == "right"


def test_generators_and_modes_are_as_before(installed):
    installed()
    model = word_model(sizes=Sizes(layers=1))
    model.hf.train()
    np.random.seed(5)
    torch.manual_seed(5)
    expected = np.random.rand(), torch.rand(1)
    np.random.seed(5)
    torch.manual_seed(5)
    harness(model, ["gsm8k"])
    assert (np.random.rand(), torch.rand(1)) == expected
    assert all(module.training for module in model.hf.modules())
    state = random.getstate()
    with _undisturbed(model):
        random.seed(0)
    assert random.getstate() == state


def test_other_tasks_have_their_own_shots_and_configs_go_as_they_are(installed):
    fake = installed()
    rows = harness(
        word_model(sizes=Sizes(layers=1)),
        ["piqa", "gsm8k", {"task": "mine", "dataset_path": "json"}],
        shots={"gsm8k": 2, "mine": 1},
    )
    assert [asked["num_fewshot"] for asked in fake.asked] == [None, 2, 1]
    assert fake.asked[2]["tasks"] == [{"task": "mine", "dataset_path": "json"}]
    assert [row["task"] for row in rows] == ["piqa", "gsm8k", "mine"]


def test_what_cannot_be_had_is_told(installed, monkeypatch):
    model = word_model(sizes=Sizes(layers=1))
    installed()
    with pytest.raises(AmplifyError, match=r"no task 'gsm8'.*did you mean 'gsm8k'"):
        harness(model, ["gsm8"])
    with pytest.raises(AmplifyError, match="under `task`"):
        harness(model, [{"dataset_path": "json"}])
    installed(ConnectionError("offline"))
    with pytest.raises(AmplifyError, match=r"the data of gsm8k cannot be read .*offline"):
        harness(model, ["gsm8k"])
    installed(ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        harness(model, ["gsm8k"])
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(AmplifyError, match=r"pip install 'tapeout\[harness\]'"):
        harness(model, ["gsm8k"])


def test_the_harness_itself_agrees_with_our_own_questions(tmp_path):
    """Only where it is installed."""
    pytest.importorskip("lm_eval")
    import json

    from tapeout.amplify import MultipleChoice

    model = word_model(sizes=Sizes(layers=2))
    model.tokenizer.add_special_tokens({"eos_token": "w1"})
    path = tmp_path / "mine.jsonl"
    rows = [
        {"question": f"w{i} w4", "choices": [f"w{i + 3}", f"w6 w{i}"], "answer": i % 2}
        for i in range(4, 24)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    config = {
        "task": "mine",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(path)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    }
    plain, normalised = harness(model, [config], limit=15)
    for row, per_character in ((plain, False), (normalised, True)):
        ours = MultipleChoice.read(path, take=15, per_character=per_character)
        assert row["value"] == pytest.approx(sum(ours.right(model)) / 15)
    assert (plain["task"], plain["n"], plain["shots"]) == ("mine", 15, 0)
