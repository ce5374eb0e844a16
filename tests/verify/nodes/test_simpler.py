"""Constant queries and redundant writes."""

import pytest
import torch

from tapeout.circuits import Circuit
from tapeout.interventions import record
from tapeout.models import attached
from tapeout.verify.nodes import activity, constant_queries, redundant_writes
from tapeout.verify.nodes._simpler import _line, _on_line

from .cases import Case, case


@pytest.fixture(scope="module")
def given() -> Case:
    return case(constant_query=True)


def some(given: Case, *nodes: str) -> Circuit:
    return Circuit.of(given.circuit.universe, nodes, means=given.circuit.means)


def test_a_query_that_is_constant_costs_nothing_as_one(given: Case):
    circuit = some(given, "0.attn.q.1", "0.attn.q.2", "1.attn.q.3", "0.attn.k.1")
    found = {row.node: row for row in constant_queries(given.model, circuit, given.task.train)}
    assert list(found) == ["0.attn.q.1", "0.attn.q.2", "1.attn.q.3", "all"]
    for node in ("0.attn.q.1", "0.attn.q.2"):
        assert abs(found[node].constant.value) < 1e-6 < abs(found[node].zero.value)
    assert found["all"].constant.value == pytest.approx(found["1.attn.q.3"].constant.value)
    assert found["all"].zero.n == len(given.task.train)


def test_without_queries_there_is_nothing_to_hold(given: Case):
    assert constant_queries(given.model, some(given, "0.attn.k.1"), given.task.train) == []


def test_writes_that_follow_each_other_on_a_channel_are_paired(given: Case):
    nodes = ["0.attn.resid_delta.3", "0.mlp.resid_delta.3", "1.mlp.resid_delta.3"]
    circuit = some(given, *nodes, "1.attn.resid_delta.4")
    found = redundant_writes(given.model, circuit, given.task.test, given.task.train)
    assert [(row.earlier, row.node) for row in found] == [tuple(nodes[:2]), tuple(nodes[1:])]
    for row in found:
        assert -1 <= row.correlation <= 1
        assert row.to_dict()["rescaled"]["n"] == len(given.task.test)


def test_a_write_that_only_adds_a_constant_is_told_by_any_other(given: Case):
    model, text = given.model, given.task.train
    down = model.hf.transformer.h[1].mlp.c_proj
    before = down.weight.detach().clone()
    with torch.no_grad():
        down.weight[3] = 0
    try:
        circuit = some(given, "0.attn.resid_delta.3", "1.mlp.resid_delta.3")
        (row,) = redundant_writes(model, circuit, given.task.test, text)
    finally:
        with torch.no_grad():
            down.weight.copy_(before)
    assert abs(row.slope) < 1e-5 and abs(row.linear.value) < 1e-5
    assert row.rescaled.value == pytest.approx(row.dropped.value, abs=1e-5)


def test_a_write_follows_the_line_through_another(given: Case):
    model, split = given.model, given.task.test
    first, second = (0, "attn.resid_delta"), (1, "mlp.resid_delta")
    means = activity(model, split, "attn.resid_delta:channel,mlp.resid_delta:channel").mean
    correlation, slope = _line(model, split, 3, first, second, 64)
    x, y = [], []
    for batch in split.batches(1):
        seen = record(model, batch.tokens, [first, second])
        x.append(seen[first][0, 1:, 3])
        y.append(seen[second][0, 1:, 3])
        watches = _on_line(model, 3, first, second, slope, means)
        tap = model.tap(*second)
        held = []
        with torch.no_grad(), attached([*watches, (tap, lambda z, own=held: own.append(z))]):
            model.logits(batch.tokens)
        middle = means[second][3] + slope * (seen[first][..., 3] - means[first][3])
        torch.testing.assert_close(held[0][..., 3], middle, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(held[0][..., 4], seen[second][..., 4])
    pair = torch.stack([torch.cat(x), torch.cat(y)])
    assert correlation == pytest.approx(float(torch.corrcoef(pair)[0, 1]), abs=1e-4)
    assert slope == pytest.approx(float(torch.cov(pair)[0, 1] / pair[0].var()), rel=1e-3)
