import math

from tapeout.amplify import solve, solves

from . import parity


def test_a_model_that_states_too_few_answers_has_no_score():
    model, task = parity.model(), parity.task(24)
    how = {"task": task, "limit": 8}
    found = solve(model, task.validation, **how)
    stated = sum(found.answered) / len(found.answered)
    assert 0 < found.accuracy.value < stated < 1
    for least, score in ((stated, found.accuracy.value), (stated + 1e-3, -math.inf)):
        assert solves(task.validation, least_answered=least, **how)(model) == score
