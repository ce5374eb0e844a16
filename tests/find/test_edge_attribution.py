"""Scores of edges, held against models whose edges have known effects, and against autograd."""

from functools import partial

import pytest
import torch

from tapeout.circuits import Circuit, Universe
from tapeout.find import edge_attribution
from tapeout.interventions import Counterfactual, Wiring, edges_of, restrict, restrict_edges, writes
from tapeout.models import attached

from ..tiny import Sizes, gap
from ..words import word_model, word_task

VARIANTS = ["none", "inputs", "activations", "ends"]


def linear_model(sizes):
    """A Llama in which every read and every write is linear in the residual stream.

    A large epsilon makes its norms constant factors, queries of 0 make attention a mean over
    positions, and MLPs without gate weights multiply by what their gates' biases say.
    """
    model = word_model("llama", sizes)
    model.hf.double()
    with torch.no_grad():
        for name, module in model.hf.named_modules():
            if name.endswith("norm"):
                module.variance_epsilon = 1e12
                module.weight *= 1e6
            if name.endswith("q_proj"):
                module.weight.zero_()
                module.bias.zero_()
            if name.endswith("gate_proj"):
                module.weight.zero_()
    return model


def value_under(model, split, metric, kept):
    """The metric, summed, with the edges outside `kept` patched."""
    wiring, total = Wiring(model, edges_of(model)), 0.0
    with torch.no_grad(), model.frozen():
        for batch in split.batches(4, partner="counterfactual"):
            with restrict_edges(wiring, kept, writes(wiring, batch.partners)):
                total += float(metric.of(model.logits(batch.tokens, keep=1), batch).sum())
    return total


@pytest.mark.parametrize("integrate", VARIANTS)
def test_on_a_linear_model_scores_are_the_effects_of_patching_each_edge_alone(integrate):
    model, task = linear_model(Sizes(layers=2, bias=True)), word_task(n=4)
    edges = edges_of(model)
    full = torch.ones(edges.size, dtype=torch.bool)
    whole = value_under(model, task.train, task.metric(), full)
    effects = []
    for edge in range(edges.size):
        kept = full.clone()
        kept[edge] = False
        effects.append(whole - value_under(model, task.train, task.metric(), kept))
    scores = edge_attribution(model, task.train, integrate=integrate, steps=2, batch_size=3)
    expected = torch.tensor(effects) / len(task.train)
    assert gap(scores.values, expected) <= 1e-5
    queries = torch.tensor(["<q>" in edges.name(edge) for edge in range(edges.size)])
    assert float(expected[queries].abs().max()) <= 1e-5 < float(expected.abs().max())


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "llama"])
def test_along_activations_a_blocks_edges_add_up_to_its_whole_effect(family):
    """Completeness, exact as the steps grow: what all edges out of a block lose together."""
    model, task = word_model(family, Sizes(layers=2)), word_task(n=6)
    scores = edge_attribution(model, task.train, integrate="activations", steps=40)
    from_writer = scores.universe.table(scores.values).sum(dim=1)
    writers = scores.universe.writers
    spec = "embed:block, attn.resid_delta:block, mlp.resid_delta:block"
    universe = Universe.of(model.shape, spec)
    metric = task.metric()

    def value(circuit):
        total = 0.0
        for batch in task.train.batches(12, partner="counterfactual"):
            both = batch.tokens.stack(batch.partners)
            with torch.no_grad(), restrict(model, circuit, Counterfactual(positions="all")):
                logits = model.logits(both, keep=1)[: len(batch)]
            total += float(metric.of(logits, batch).sum())
        return total / len(task.train)

    whole = value(Circuit.full(universe))
    for node in range(universe.size):
        name = universe.name(node)
        start = {"attn": f"a{name[0]}.", "mlp": f"m{name[0]}"}.get(name.split(".")[1], "input")
        own = [place for place, writer in enumerate(writers) if writer.startswith(start)]
        circuit = Circuit.full(universe)
        circuit.kept[node] = False
        assert abs(whole - value(circuit) - float(from_writer[own].sum())) <= 2e-3, name


def held(write, by):
    return (write + by).detach()


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "llama"])
def test_along_activations_equals_autograd_at_each_point(family, pool):
    """The slope of the metric by each edge's gate, with the block held at the path's points."""
    model, task = word_model(family, Sizes(layers=2)), word_task(n=3)
    options = {"integrate": "activations", "steps": 2, "pool": pool, "batch_size": 3}
    scores = edge_attribution(model, task.train, **options)
    universe, wiring = scores.universe, Wiring(model, scores.universe)
    blocks = [(wiring.embed, ["input"])]
    for layer in range(2):
        heads = [f"a{layer}.h{head}" for head in range(model.shape.heads(layer))]
        blocks.append((model.tap(layer, "attn.resid_delta"), heads))
        blocks.append((model.tap(layer, "mlp.resid_delta"), [f"m{layer}"]))
    total = torch.zeros(universe.size)
    for batch in task.train.batches(3, partner="counterfactual"):
        clean, other = writes(wiring, batch.tokens), writes(wiring, batch.partners)
        for tap, names in blocks:
            own = torch.tensor([name in names for name in universe.writers])
            change = (clean - other)[own].sum(dim=0)
            counted = torch.ones_like(own) if pool else own
            for part in (0.25, 0.75):
                hold = partial(held, by=(part - 1) * change)
                gates = torch.ones(universe.size, requires_grad=True)
                with model.frozen(), attached([(tap, hold)]):
                    now = writes(wiring, batch.tokens)
                    # so that a gate's slope is gradient x (clean write - counterfactual write)
                    with restrict_edges(wiring, gates, now - (clean - other)):
                        logits = model.logits(batch.tokens, keep=1)
                        value = task.metric().of(logits, batch).sum()
                (slope,) = torch.autograd.grad(value, gates)
                total += slope * counted[universe.places[:, 0]]
    total /= 3 * 2 * (len(blocks) if pool else 1)
    assert gap(scores.values, total) <= 1e-4
    assert float(total.abs().max()) > 1e-2


def runs_of(model, task, **options):
    """How often the model goes through, forwards."""
    count = []
    handle = model.hf.register_forward_pre_hook(lambda *args: count.append(1))
    edge_attribution(model, task.train, **options)
    handle.remove()
    return len(count)


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        ({}, 2),  # the partner, and the clean run that is differentiated
        ({"integrate": "ends"}, 3),
        ({"integrate": "inputs", "steps": 3}, 2 + 3),
        ({"integrate": "activations", "steps": 3}, 2 + 3 * (1 + 2 * 2)),
    ],
)
def test_no_run_is_done_twice(options, runs):
    model, task = word_model(sizes=Sizes(layers=2)), word_task(n=4)
    batches = list(task.train.batches(4, partner="counterfactual"))
    assert all(batch.shared for batch in batches)  # so that there is one more for the prefix
    assert runs_of(model, task, **options, batch_size=4) == (runs + 1) * len(batches)


@pytest.mark.parametrize("integrate", VARIANTS)
def test_batch_size_does_not_matter(integrate):
    model, task = word_model(), word_task(n=6)
    one = edge_attribution(model, task.train, integrate=integrate, steps=2, batch_size=1)
    many = edge_attribution(model, task.train, integrate=integrate, steps=2, batch_size=6)
    parts = edge_attribution(model, task.train, integrate=integrate, steps=2, tokens_at_once=12)
    assert gap(one.values, many.values) <= 1e-5
    assert gap(one.values, parts.values) <= 1e-5
