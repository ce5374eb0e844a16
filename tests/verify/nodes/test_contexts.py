"""Nodes at percentiles of their activations, and how rarely they are far off."""

import pytest
import torch

from tapeout.circuits import SPARSE_NODES, Circuit
from tapeout.errors import TaskError
from tapeout.interventions import record
from tapeout.verify.nodes import activity, kurtosis, node_contexts

from .cases import Case, case


@pytest.fixture(scope="module")
def given() -> Case:
    return case()


def test_contexts_are_where_the_node_is_at_its_percentiles(given: Case):
    model, text = given.model, given.task.train
    nodes = ["1.mlp.post_act.5", "0.attn.k.2"]
    circuit = Circuit.of(given.circuit.universe, nodes)
    found = node_contexts(model, circuit, text, percentiles=(0.0, 50.0), each=3, batch_size=5)
    assert {row.node for row in found} == set(nodes)
    for row in found:
        layer, rest = int(row.node[0]), row.node[2:]
        site, channel = rest.rpartition(".")[0], int(rest.rpartition(".")[2])
        values: dict[str, float] = {}
        for batch in text.batches(1):
            x = record(model, batch.tokens, [(layer, site)])[layer, site][0]
            words = batch.examples[0].prompt.split()
            for at in range(1, len(words)):
                values[" ".join(words[max(at - 12, 0) : at + 1])] = float(x[at, channel])
        ranked = torch.tensor(sorted(values.values()))
        by_percentile = {p.percentile: p for p in row.percentiles}
        assert list(by_percentile) == [0.0, 50.0, 100.0]
        assert by_percentile[0.0].activation == pytest.approx(float(ranked[0]), abs=1e-5)
        assert by_percentile[100.0].activation == pytest.approx(float(ranked[-1]), abs=1e-5)
        middle = float(ranked[round((len(ranked) - 1) / 2)])
        assert by_percentile[50.0].activation == pytest.approx(middle, abs=1e-5)
        for shown in row.percentiles:
            assert len(shown.contexts) == 3
            assert shown.contexts[0].activation == pytest.approx(shown.activation, abs=1e-5)
            for context in shown.contexts:
                seen = f"{context.before} {context.token}".strip()
                assert values[seen] == pytest.approx(context.activation, abs=1e-4)


def test_percentiles_lie_below_the_middle(given: Case):
    with pytest.raises(TaskError, match="from 0 to 50"):
        node_contexts(given.model, given.circuit, given.task.train, percentiles=(90.0,))


def test_kurtosis_is_told_by_site_and_of_the_circuit_apart(given: Case):
    model, text = given.model, given.task.train
    rows = {row.site: row for row in kurtosis(model, given.circuit, text)}
    assert set(rows) == {part.partition(":")[0] for part in SPARSE_NODES.split(",")} | {"residual"}
    seen = activity(model, text, SPARSE_NODES)
    gates = given.circuit.universe.expand(given.circuit.kept)
    for site in ("attn.v", "mlp.post_act"):
        every = torch.cat([seen.kurtosis[layer, site] for layer in range(2)])
        own = torch.cat([seen.kurtosis[layer, site][gates[layer, site]] for layer in range(2)])
        every, own = every[~every.isnan()], own[~own.isnan()]
        assert rows[site].channels == len(every) and rows[site].circuit == len(own)
        assert rows[site].mean == pytest.approx(float(every.mean()), rel=1e-4)
        assert rows[site].circuit_median == pytest.approx(
            float(own.double().quantile(0.5)), rel=1e-4
        )
    assert rows["residual"].circuit_median is None
    assert rows["residual"].channels <= 2 * model.shape.width(0, "embed")
