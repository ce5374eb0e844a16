import pytest
import torch

from tapeout.errors import TaskError
from tapeout.tasks import Split
from tapeout.verify import evaluate
from tapeout.verify.compose import route_by_regime

from .cases import SPEC, case

MODEL, TASK, _ = case()


def test_regimes_add_up():
    done = []
    found = route_by_regime(
        MODEL, TASK, SPEC, "zero", share=0.6, progress=lambda *a: done.append(a)
    )
    assert done[-1] == (8, 8)
    assert [row.routing for row in found.routings] == ["global", "union", "core", "same-budget"]
    whole, union, core, own = found.routings
    for row in found.routings:
        assert sum(share.right for share in row.by_regime.values()) == row.overall.right
        assert sum(share.n for share in row.by_regime.values()) == row.overall.n == found.n
        assert set(row.by_regime) == {"none", "one"}
    one, two = own.circuits["none"], own.circuits["one"]
    assert one.size == two.size == whole.size == found.budget
    assert union.circuits["one"] == one | two and core.circuits["one"] == one & two
    assert own.size == union.size
    correct = evaluate(MODEL, TASK.test, whole.circuits["none"]).correct
    regime = torch.tensor([example.strata["carry"] == "none" for example in TASK.test])
    assert whole.by_regime["none"].right == int(correct[regime].sum())
    again = evaluate(MODEL, TASK.test, one).correct
    assert own.by_regime["none"].right == int(again[regime].sum())
    data = found.to_dict()
    assert data["trained"] == {"none": 4, "one": 8} and data["n"] == len(TASK.test)


def test_regimes_that_are_not_there():
    with pytest.raises(TaskError, match="did you mean 'carry'"):
        route_by_regime(MODEL, TASK, SPEC, stratum="cary")
    from dataclasses import replace

    ones = [e for e in TASK.train.examples if e.strata["carry"] == "one"]
    poor = replace(TASK, train=Split("words/train", ones, MODEL.tokenizer))
    with pytest.raises(TaskError, match="no example of carry none"):
        route_by_regime(MODEL, poor, SPEC)
