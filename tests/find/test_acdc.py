"""ACDC held against trying every subset of edges."""

import itertools

import pytest
import torch

from tapeout.circuits import EdgeCircuit
from tapeout.errors import TaskError
from tapeout.find import acdc
from tapeout.interventions import Counterfactual, Zero, edges_of
from tapeout.tasks import LOGIT_DIFFERENCE
from tapeout.verify import evaluate, faithfulness

from ..tiny import Sizes
from ..words import word_model, word_task

ONE_LAYER = Sizes(layers=1, groups=1, kv_heads=1)


def divergence(model, split, edges, kept):
    circuit = EdgeCircuit(edges, torch.tensor(kept))
    outcome = evaluate(model, split, circuit, Counterfactual(), kl=True)
    return float(outcome.kl.mean())


@pytest.mark.parametrize("threshold", [0.003, 0.03, 0.3])
def test_agrees_with_all_subsets_of_a_model_that_is_small_enough(threshold):
    """No edge that it keeps could have been dropped when its turn came, and none of the others."""
    model, split = word_model("llama", ONE_LAYER), word_task(n=6).train
    edges = edges_of(model)
    assert edges.size == 8  # input->q,k,v,m0,logits; a0.h0->m0,logits; m0->logits
    table = {
        kept: divergence(model, split, edges, kept)
        for kept in itertools.product([False, True], repeat=edges.size)
    }
    kept = [True] * edges.size
    for edge in reversed(range(edges.size)):
        without = [*kept[:edge], False, *kept[edge + 1 :]]
        if table[tuple(without)] - table[tuple(kept)] < threshold:
            kept = without
    found = acdc(model, split, threshold)
    assert found.kept.tolist() == kept
    assert found.origin["kl"] == pytest.approx(table[tuple(kept)], abs=1e-5)


def test_thresholds_bound_the_circuit():
    model, split = word_model("llama", ONE_LAYER), word_task(n=6).train
    assert acdc(model, split, float("inf")).kept.sum() == 0
    assert acdc(model, split, -float("inf")).kept.all()


def test_edges_can_be_evaluated_and_measured_like_nodes():
    from tapeout.find import edge_attribution

    model, task = word_model(), word_task()
    scores = edge_attribution(model, task.train)
    found = faithfulness(model, scores, task.test, LOGIT_DIFFERENCE, shares=(0.0, 0.5, 1.0))
    assert found.values[0] == pytest.approx(0, abs=1e-4)
    assert found.values[-1] == pytest.approx(1, abs=1e-4)
    with pytest.raises(TaskError, match="under counterfactuals only"):
        evaluate(model, task.test, scores.top(3), Zero())
    with pytest.raises(TaskError, match="teacher-forced"):
        evaluate(model, task.test, scores.top(3), Counterfactual(), generate=True)
