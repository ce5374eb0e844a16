import pytest
import torch

from tapeout.circuits import Circuit
from tapeout.errors import TaskError
from tapeout.interventions import Counterfactual
from tapeout.verify import Share, by_stratum, evaluate, first_wrong, recovery

from ..tiny import Sizes, random_circuit
from ..words import learnable, word_model, word_task
from .strata import stratified

SPEC = "attn.z:head, mlp.post_act"


@pytest.fixture(scope="module", params=[1, 3])
def case(request):
    model = word_model(sizes=Sizes(layers=2))
    return model, stratified(learnable(word_task(answer_words=request.param), model))


def test_groups_are_counted_by_hand(case):
    _, task = case
    right = torch.arange(12) < 3  # rows 0 and 2 are even, row 1 is odd
    found = by_stratum(task.test, {"circuit": right})
    assert found.of("parity", "even").accuracy == {"circuit": Share(2, 6)}
    assert found.of("parity", "odd").accuracy == {"circuit": Share(1, 6)}
    assert found.of("first", "yes").n == 1
    only = by_stratum(task.test, {"circuit": right}, strata=["first"])
    assert [(item.stratum, item.value) for item in only.strata] == [("first", "yes")]
    with pytest.raises(TaskError, match="no stratum 'pairty': did you mean 'parity'"):
        by_stratum(task.test, {}, strata=["pairty"])
    with pytest.raises(TaskError, match="no group parity: add: did you mean 'parity: odd'"):
        found.of("parity", "add")


def test_first_wrong_tokens_by_hand():
    model = word_model(sizes=Sizes(layers=2))
    task = stratified(learnable(word_task(answer_words=3), model))
    batch = next(task.test.batches())
    logits = torch.nn.functional.one_hot(batch.answers, 61).float()
    wrong = logits.roll(1, dims=-1)
    cases = logits[:4].clone()
    for row, place in ((1, 0), (2, 1), (3, 2)):
        cases[row, place] = wrong[row, place]
    cases[1, 2] = wrong[1, 2]
    part = batch.parts(4 * batch.tokens.ids.shape[1])[0]
    assert len(part) == 4
    places = first_wrong(task.test.criterion).of(cases, part)
    assert places.tolist() == [0, 1, 2, 3]
    at = torch.tensor([0, 1, 2, 2, 3, 0, 0, 0, 0, 0, 0, 0]).float()
    found = by_stratum(task.test, {"circuit": at == 0}, {"circuit": at})
    assert [item.first_wrong["circuit"] for item in found.tokens] == [
        Share(1, 12),
        Share(2, 12),
        Share(1, 12),
    ]
    assert [item.right["circuit"] for item in found.tokens] == [
        Share(11, 12),
        Share(9, 11),
        Share(8, 9),
    ]
    never = by_stratum(task.test, {"circuit": at < 0}, {"circuit": torch.ones(12)})
    assert [item.right["circuit"] for item in never.tokens] == [Share(0, 12), None, None]
    assert never.to_dict()["answer_tokens"]["2"]["right"] == {"circuit": None}


def test_recovery_tells_its_strata(case):
    model, task = case
    circuit = random_circuit(model, SPEC, share=0.8)
    proof = recovery(model, circuit, task.test, "counterfactual", random_seeds=0)
    assert [item.stratum for item in proof.strata.strata] == ["parity", "parity", "first"]
    whole = {
        "full": proof.full,
        "circuit": proof.autoregressive,
        "empty": proof.empty,
        "necessity": proof.necessity,
    }
    parity = [item for item in proof.strata.strata if item.stratum == "parity"]
    for run, share in whole.items():
        assert sum(item.accuracy[run].right for item in parity) == share.right
        wrong = sum(item.first_wrong[run].right for item in proof.strata.tokens)
        assert wrong == share.n - share.right
    rows = [row for row in range(12) if row % 2]
    odd = evaluate(model, task.test.subset(rows, "odd"), circuit, Counterfactual())
    assert proof.strata.of("parity", "odd").accuracy["circuit"] == odd.accuracy
    data = proof.to_dict()["strata"]
    assert data["by"]["parity"]["odd"]["circuit"]["n"] == 6
    assert set(data["answer_tokens"]) == {str(i + 1) for i in range(len(proof.strata.tokens))}


def test_a_full_circuit_is_right_in_every_stratum(case):
    model, task = case
    circuit = Circuit.full(random_circuit(model, SPEC).universe)
    proof = recovery(model, circuit, task.test, "zero", random_seeds=0)
    for item in proof.strata.strata:
        assert item.accuracy["circuit"].value == item.accuracy["full"].value == 1
    for token in proof.strata.tokens:
        assert token.first_wrong["circuit"].right == 0 and token.right["circuit"] == Share(12, 12)
