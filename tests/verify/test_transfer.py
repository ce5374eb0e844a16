import copy
from dataclasses import replace

import pytest
import torch

from tapeout.circuits import Circuit, Universe
from tapeout.errors import CircuitError, InterventionError
from tapeout.interventions import means_over
from tapeout.verify import TransferCell, evaluate, overlap, recovery, transfer_matrix

from ..tiny import Sizes, random_circuit
from ..words import learnable, word_model, word_task

SPEC = "mlp.post_act"


@pytest.fixture(scope="module")
def case():
    base = word_model(sizes=Sizes(layers=2))
    changed = copy.deepcopy(base.hf)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in changed.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator) * p.abs().mean())
    models = {"base": base, "changed": base.sibling(changed, "changed")}
    task = learnable(word_task(answer_words=2), base)
    circuits = {}
    for seed, (name, model) in enumerate(models.items()):
        found = random_circuit(model, SPEC, share=0.8, seed=seed)
        means = means_over(model, task.reference, SPEC)
        origin = {"replacement": {"kind": "mean", "reference": means.reference}}
        circuits[name] = Circuit(
            found.universe, found.kept, model.fingerprint, origin, means.values
        )
    return models, circuits, task


@pytest.mark.parametrize("kind", ["zero", "mean", "counterfactual"])
def test_the_diagonal_is_plain_recovery(case, kind):
    models, circuits, task = case
    found = transfer_matrix(models, circuits, task.test, kind, reference=task.reference)
    assert [(cell.circuit, cell.model) for cell in found.cells] == [
        (one, two) for one in models for two in models
    ]
    for name, model in models.items():
        proof = recovery(model, circuits[name], task.test, kind, random_seeds=0)
        cell = found.cell(name, name)
        assert cell.own
        assert cell.teacher_forced == cell.autoregressive == proof.autoregressive
        assert (cell.empty, cell.full) == (proof.empty, proof.full)
        assert (cell.size, cell.share) == (circuits[name].size, circuits[name].share)
        assert not any(c.own for c in found.cells if c.circuit != c.model)


def test_means_are_those_of_the_model_that_runs(case):
    models, circuits, task = case
    found = transfer_matrix(models, circuits, task.test, "mean", reference=task.reference)
    means = means_over(models["changed"], task.reference, SPEC)
    alone = evaluate(models["changed"], task.test, circuits["base"], means, transfer=True)
    cell = found.cell("base", "changed")
    assert cell.teacher_forced == alone.accuracy
    assert cell.reference == "words/reference (n=12)"
    strange = replace(circuits["base"], means={k: v + 9 for k, v in means.values.items()})
    again = transfer_matrix(models, {"base": strange}, task.test, "mean", reference=task.reference)
    assert again.cell("base", "changed") == cell
    with pytest.raises(InterventionError, match="pass reference"):
        transfer_matrix(models, circuits, task.test, "mean")


def test_it_goes_on_from_known_cells(case):
    models, circuits, task = case
    whole = transfer_matrix(models, circuits, task.test, "zero")
    written = [TransferCell.from_dict(cell.to_dict()) for cell in whole.cells]
    assert written == whole.cells
    new: list[TransferCell] = []
    again = transfer_matrix(
        models, circuits, task.test, "zero", known=written[:3], found=new.append
    )
    assert again == whole and new == whole.cells[3:]
    data = whole.to_dict()
    assert data["matrix"]["base"]["changed"] == whole.cell("base", "changed").autoregressive.value
    assert (data["n"], data["split"], data["replacement"]) == (12, "words/test", "zero")
    with pytest.raises(CircuitError, match="no cell tuned on base; there are base on base"):
        whole.cell("tuned", "base")


def test_overlap_by_hand(case):
    models, _, _ = case
    universe = Universe.of(models["base"].shape, SPEC)
    one, two = Circuit.of(universe, [0, 1, 2]), Circuit.of(universe, [2, 3])
    found = overlap("a", one, "b", two)
    assert (found.shared, found.jaccard) == (1, 1 / 4)
    assert (found.of_one, found.of_two) == (1 / 3, 1 / 2)
    assert found.by_chance == 6 / universe.size
    empty = overlap("a", Circuit.empty(universe), "b", Circuit.empty(universe))
    assert (empty.jaccard, empty.of_one) == (1, None)
    heads = random_circuit(models["base"], "attn.z:head")
    with pytest.raises(CircuitError, match="circuits of one universe"):
        overlap("a", one, "b", heads)


def test_models_of_another_shape_are_refused_and_none_is_changed(case):
    models, circuits, task = case
    before = {n: model.fingerprint for n, model in models.items()}
    transfer_matrix(models, circuits, task.test, "counterfactual")
    assert {n: model.fingerprint for n, model in models.items()} == before
    with pytest.raises(CircuitError, match="does not fit"):
        other = {"deep": word_model(sizes=Sizes(layers=3))}
        transfer_matrix(other, circuits, task.test, "zero")
