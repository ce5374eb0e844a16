import pytest
import torch

from tapeout.circuits import Circuit, Universe
from tapeout.errors import InterventionError
from tapeout.interventions import Mean, means_over, record, restrict
from tapeout.verify import evaluate
from tapeout.verify.audits import low_rank, principal

from ...tiny import Sizes, gap
from ...words import learnable, word_model
from ..strata import stratified


@pytest.fixture(scope="module", params=["llama", "gpt2", "gemma2"])
def case(request):
    model = word_model(request.param, sizes=Sizes(layers=2))
    return model, stratified(learnable(stratified(), model))


def logits_of(model, split, circuit, fill):
    found = []
    for batch in split.batches():
        with torch.no_grad(), restrict(model, circuit, fill):
            found.append(model.logits(batch.tokens, keep=batch.answer_length))
    return torch.cat(found)


def test_full_rank_is_the_model_and_rank_0_the_mean(case):
    model, task = case
    universe = Universe.of(model.shape, "mlp.post_act")
    empty, full = Circuit.empty(universe), Circuit.full(universe)
    found = principal(model, task.train, 12)
    means = means_over(model, task.train, universe)
    untouched = logits_of(model, task.test, full, means)
    assert gap(logits_of(model, task.test, empty, found), untouched) <= 1e-5
    assert gap(logits_of(model, task.test, empty, found.first(11)), untouched) > 1e-5
    averaged = logits_of(model, task.test, empty, means)
    assert gap(logits_of(model, task.test, empty, found.first(0)), averaged) <= 1e-5


def test_directions_are_orthonormal_and_hold_the_most_variance(case):
    model, task = case
    found = principal(model, task.train, 4, batch_size=5)
    again = principal(model, task.train, 4, budget=1)
    universe = Universe.of(model.shape, "mlp.post_act")
    for place in universe.places:
        basis = found.bases[place]
        assert gap(basis.T @ basis, torch.eye(4)) <= 1e-5
        assert gap((basis @ basis.T), again.bases[place] @ again.bases[place].T) <= 1e-4
        alone = task.train.batches(1)  # one at a time: nothing is padded
        seen = [record(model, row.tokens, [place])[place][0, 1:] for row in alone]
        x = torch.cat(seen).double()
        centred = x - x.mean(dim=0)
        assert gap(found.means[place], x.mean(dim=0).float()) <= 1e-5
        best = torch.linalg.svdvals(centred)[:4].square().sum()
        kept = (centred @ basis.double()).square().sum()
        assert float((best - kept).abs() / best) <= 1e-5


def test_accuracy_over_ranks(case):
    model, task = case
    ticks: list[tuple[int, int]] = []
    found = low_rank(
        model,
        task.train,
        task.test,
        ranks=[12, 0, 3],
        progress=lambda done, total: ticks.append((done, total)),
    )
    assert [point.rank for point in found.points] == [0, 3, 12]
    assert [point.size for point in found.points] == [0, 6, 24]
    nothing = found.points[0]
    universe = Universe.of(model.shape, "mlp.post_act")
    means = means_over(model, task.train, universe)
    empty = evaluate(model, task.test, Circuit.empty(universe), means).accuracy
    assert nothing.accuracy == nothing.random == empty
    last = found.points[-1]
    assert last.share == 1 and last.accuracy == last.random == found.full
    assert found.full.value == 1
    assert ticks == [(done, 8) for done in range(1, 9)]
    data = found.to_dict()
    assert (data["found_on"], data["n"], data["split"]) == ("words/train (n=12)", 12, "words/test")
    assert data["points"][1]["accuracy"]["n"] == 12


def test_a_projection_knows_its_places(case):
    model, task = case
    found = principal(model, task.train, 2)
    heads = Circuit.empty(Universe.of(model.shape, "attn.z:head"))
    with pytest.raises(InterventionError, match=r"no directions were found of attn\.z"):
        evaluate(model, task.test, heads, found)
    for ranks in ([], [-1, 2]):
        with pytest.raises(InterventionError, match="0 or more"):
            low_rank(model, task.train, task.test, ranks=ranks)


def test_a_part_of_the_channels_can_be_kept(case):
    model, task = case
    universe = Universe.of(model.shape, "mlp.post_act")
    circuit = Circuit.of(universe, range(0, universe.size, 2))
    found = principal(model, task.train, 0)
    means = Mean(values=found.means, reference=found.reference)
    one = logits_of(model, task.test, circuit, found)
    assert gap(one, logits_of(model, task.test, circuit, means)) <= 1e-5
