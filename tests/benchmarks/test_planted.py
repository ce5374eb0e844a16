import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from planted import branches, induction
from planted.auroc import auroc
from planted.cases import SPEC, Truth, everything
from planted.truth import IDLE, NEEDED, edge_effects, node_effects

from tapeout.circuits import Circuit, EdgeCircuit, Universe
from tapeout.find import frequency
from tapeout.interventions import Counterfactual, edges_of, means_over, replacement_of
from tapeout.verify import evaluate


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auroc_is_the_share_of_pairs_in_order_ties_by_half(items):
    scores = torch.tensor([float(score) for score, _ in items])
    positive = torch.tensor([own for _, own in items])
    if positive.all() or not positive.any():
        return
    pairs = [(a, b) for a, own in items if own for b, other in items if not other]
    expected = sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)
    assert auroc(scores, positive) == pytest.approx(expected)


@pytest.fixture(scope="module")
def by_hand():
    return induction.planted(1)


def test_the_hand_set_model_does_induction(by_hand):
    assert evaluate(by_hand.model, everything(by_hand.task)).accuracy.value == 1


def test_what_was_set_by_hand_is_what_ablation_finds(by_hand):
    model, prompts = by_hand.model, everything(by_hand.task).take(56)
    universe = Universe.of(model.shape, SPEC)
    means = means_over(model, by_hand.task.reference, SPEC)
    effects = node_effects(model, prompts, universe, means)
    assert effects[by_hand.nodes].min() >= NEEDED
    assert effects[~by_hand.nodes].max() <= IDLE
    patched = edge_effects(model, prompts)
    assert patched[by_hand.edges].min() >= NEEDED
    assert patched[~by_hand.edges].max() <= IDLE
    assert not (by_hand.edges & by_hand.unseen).any()


@pytest.mark.parametrize("replacement", ["zero", "mean", "counterfactual"])
def test_the_circuit_alone_does_the_task_and_without_it_nothing_does(by_hand, replacement):
    model, prompts = by_hand.model, everything(by_hand.task)
    means = means_over(model, by_hand.task.reference, SPEC)
    fill = means if replacement == "mean" else replacement_of(replacement)
    universe = Universe.of(model.shape, SPEC)
    circuit = Circuit(universe, by_hand.nodes, model.fingerprint, {})
    assert evaluate(model, prompts, circuit, fill).accuracy.value == 1
    assert evaluate(model, prompts, ~circuit, fill).accuracy.value < 0.3


def test_the_edges_alone_do_the_task(by_hand):
    model = by_hand.model
    edges = EdgeCircuit(edges_of(model), by_hand.edges, model.fingerprint, {})
    assert evaluate(model, everything(by_hand.task), edges, Counterfactual()).accuracy.value == 1


def test_distractors_are_louder_than_the_circuit(by_hand):
    often = frequency(by_hand.model, by_hand.task.train, SPEC).values
    assert auroc(often, by_hand.nodes) < 0.5


def test_truth_leaves_out_what_lies_between():
    effects = torch.tensor([[0.5, 0.3], [0.5, 0.01], [0.01, 0.0], [0.05, 0.05]])
    truth = Truth.measured(effects)
    assert truth.needed.tolist() == [True, False, False, False]
    assert truth.idle.tolist() == [False, False, True, False]
    row = truth.row(torch.tensor([2.0, 0.0, 1.0, 9.0]), torch.ones(4, dtype=torch.bool))
    assert row == {"auroc": 1.0, "needed": 1, "idle": 1, "left_out": 2}


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_branches_share_the_nodes_out_and_train(family):
    model = branches.planted(family, seed=0, steps=2)
    universe = Universe.of(model.shape, SPEC)
    first, second = (branches.branch(universe, kind) for kind in branches.KINDS)
    assert torch.equal(first, ~second)
    other = branches.planted(family, seed=0, steps=2)
    assert model.fingerprint.weights == other.fingerprint.weights
    assert evaluate(model, branches.branch_task("max").test).correct.shape == (32,)
