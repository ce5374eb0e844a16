from dataclasses import replace

import pytest
import torch
from pytest import approx

from tapeout.circuits import Circuit, Scores, Universe
from tapeout.errors import CircuitError, TaskError
from tapeout.verify.audits import attribution_share, mask_energy
from tapeout.verify.audits._places import at_answer, places_of

from ...tiny import Sizes, random_circuit
from ...words import word_model
from ..strata import stratified


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def case(request):
    model = word_model(request.param, sizes=Sizes(layers=2))
    return model, stratified()


def test_shares_of_a_partition_sum_to_one(case):
    model, task = case
    circuit = random_circuit(model, "mlp.post_act")
    one, two = (mask_energy(model, part, task.test).shares() for part in (circuit, ~circuit))
    assert next(iter(one)) == "all: all" and {"parity: odd", "answer token: 3"} <= set(one)
    for group in one:
        assert one[group]["channels"] + two[group]["channels"] == approx(1)
        for name in ("activity", "write"):
            for how in ("pooled", "mean_over_layers"):
                assert one[group][name][how] + two[group][name][how] == approx(1)


def test_sums_are_those_of_the_activations(case):
    model, task = case
    circuit = random_circuit(model, "mlp.post_act")
    found = mask_energy(model, circuit, task.test, batch_size=5)
    taps = places_of(model, "mlp.post_act")
    squares = dict.fromkeys(taps, 0.0)
    for batch in task.test.batches():
        for place, x in at_answer(model, batch, taps).items():
            squares[place] += float(x.square().sum())
    groups = ("answer token", "parity")
    for layer in range(2):
        rows = [row for row in found.layers if row.layer == layer]
        (whole,) = (row for row in rows if row.stratum == "all")
        assert whole.activity == approx(squares[layer, "mlp.post_act"], rel=1e-5)
        assert whole.n == 12 * 3
        for name in groups:  # every answer position is in one group of each kind
            parts = [row for row in rows if row.stratum == name]
            assert sum(row.n for row in parts) == whole.n
            assert sum(row.kept_write for row in parts) == approx(whole.kept_write)


def test_a_write_weighs_a_channel_by_its_column(case):
    model, task = case
    universe = Universe.of(model.shape, "mlp.post_act")
    found = mask_energy(model, Circuit.full(universe), task.test)
    down = model.tap(0, "mlp.post_act").module.weight.detach()
    lengths = (down if down.shape[1] == 12 else down.T).square().sum(dim=0)
    taps = places_of(model, "mlp.post_act")
    total = sum(
        float((at_answer(model, batch, taps)[0, "mlp.post_act"].square() * lengths).sum())
        for batch in task.test.batches()
    )
    assert found.layers[0].write == approx(total, rel=1e-5)


def test_dropped_blocks_drop_their_channels(case):
    model, task = case
    universe = Universe.of(model.shape, "mlp.resid_delta:block")
    circuit = Circuit.of(universe, ["1.mlp.resid_delta.block"])
    rows = [r for r in mask_energy(model, circuit, task.test).layers if r.stratum == "all"]
    assert [(row.kept, row.channels) for row in rows] == [(0, 12), (12, 12)]
    assert rows[0].kept_activity == 0 and rows[1].kept_activity == rows[1].activity


def test_what_cannot_be_audited_is_told(case):
    model, task = case
    heads = random_circuit(model, "attn.z:head")
    with pytest.raises(CircuitError, match="says nothing of MLP channels"):
        mask_energy(model, heads, task.test)
    circuit = random_circuit(model, "mlp.post_act")
    with pytest.raises(TaskError, match="did you mean 'parity'"):
        mask_energy(model, circuit, task.test, strata=["parety"])
    stranger = replace(circuit, fingerprint=word_model(sizes=Sizes(layers=2, seed=5)).fingerprint)
    with pytest.raises(CircuitError, match="the weights do not"):
        mask_energy(model, stranger, task.test)
    assert mask_energy(model, stranger, task.test, transfer=True).n == 12


def test_attribution_by_hand(case):
    model, _ = case
    universe = Universe.of(model.shape, "mlp.post_act")
    values = torch.zeros(universe.size)
    values[0], values[1], values[12] = 3.0, -1.0, 4.0
    circuit = Circuit.of(universe, [0, 12])
    found = attribution_share(Scores(universe, values), circuit)
    assert (found.share, found.positive) == (7 / 8, 1.0)
    assert found.nodes == 2 / 24
    assert [(row.share, row.positive) for row in found.layers] == [(0.75, 1.0), (1.0, 1.0)]
    assert attribution_share(Scores(universe, torch.zeros(24)), circuit).share is None
    other = Universe.of(model.shape, "attn.z:head")
    with pytest.raises(CircuitError, match="the same nodes"):
        attribution_share(Scores(other, torch.zeros(other.size)), circuit)
