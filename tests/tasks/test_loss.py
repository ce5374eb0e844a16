"""An objective with the full model beside it."""

import pytest
import torch

from tapeout.errors import TaskError
from tapeout.tasks import OBJECTIVES, Loss, _loss

from ..tiny import gap
from ..words import word_model, word_task


@pytest.mark.parametrize(("budget", "runs"), [(2**30, 1), (0, 2)])
def test_the_full_model_runs_once_while_there_is_room(monkeypatch, budget, runs):
    monkeypatch.setattr(_loss, "BUDGET", budget)
    model, batch = word_model(), next(iter(word_task(n=6).train.batches(4)))
    logits = torch.randn(len(batch), 1, 61)
    with torch.no_grad():
        full = model.logits(batch.tokens, keep=1).log_softmax(-1)
    calls = []
    forward = type(model).logits
    monkeypatch.setattr(type(model), "logits", lambda *a, **o: calls.append(1) or forward(*a, **o))
    loss = Loss(model, "kl")
    for _ in range(2):
        assert gap(loss.of(logits, batch), OBJECTIVES["kl"](logits, batch, full)) == 0
    assert len(calls) == runs


def test_an_objective_without_the_full_model_does_not_run_it():
    model, batch = word_model(), next(iter(word_task(n=6).train.batches(4)))
    assert Loss(model, "task").target(batch).numel() == 0


def test_an_unknown_objective_is_told_with_the_nearest():
    with pytest.raises(TaskError, match="did you mean 'task'"):
        Loss(word_model(), "tsk")
