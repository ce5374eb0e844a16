import pytest
import torch

from tapeout.circuits import Circuit, Universe
from tapeout.errors import CircuitError, TaskError
from tapeout.find import attribution, frequency, random
from tapeout.interventions import Counterfactual, Zero, means_over
from tapeout.verify import evaluate

from ..tiny import ALL_FAMILIES, Sizes, gap
from ..words import word_model, word_task

SPEC = "attn.z:head, mlp.post_act"


def by_hand(model, split, universe, baseline, aggregate):
    """Gradient x (activation - baseline), one example at a time, with stored gradients."""
    from tapeout.models import Tokens, attached

    universe = Universe.of(model.shape, universe)
    keys = sorted({(g.layer, g.site) for g in universe.groups})
    total = torch.zeros(universe.size)
    for item in split.encoded:
        seen = [{}, {}]
        for store, ids in zip(seen, (item.prompt, item.counterfactual), strict=True):
            watches = [
                (model.tap(*key), lambda x, key=key, store=store: store.__setitem__(key, x))
                for key in keys
            ]
            with attached(watches):
                logits = model.logits(Tokens.pad([ids]), keep=1)[0, 0]
            if store is seen[0]:
                value = logits[item.answers[0][0]] - logits[item.foils[0][0]]
                taken = [store[key] for key in keys]
                gradients = dict(zip(keys, torch.autograd.grad(value, taken), strict=True))
        for group in universe.groups:
            key = (group.layer, group.site)
            select = model.tap(*key).select
            clean, other = select(seen[0][key]), select(seen[1][key])
            difference = clean - other if baseline == "counterfactual" else clean
            product = (select(gradients[key]) * difference)[0, 1:]  # first position left out
            nodes = product.unflatten(-1, (group.count, group.unit)).sum(-1)
            by_position = aggregate == "position"
            total[group.nodes] += nodes.abs().sum(0) if by_position else nodes.sum(0).abs()
    return (total / len(split)).detach()


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("baseline", ["zero", "counterfactual"])
@pytest.mark.parametrize("aggregate", ["position", "example"])
def test_equals_gradients_taken_one_example_at_a_time(family, baseline, aggregate):
    model, task = word_model(family), word_task()
    how = {"baseline": baseline, "aggregate": aggregate}
    scores = attribution(model, task.train, SPEC, **how, batch_size=5)
    assert gap(scores.values, by_hand(model, task.train, SPEC, **how)) <= 1e-4
    assert scores.origin["n"] == 12


@pytest.mark.parametrize("replacement", [Zero(positions="all_but_first"), Counterfactual()])
def test_integrating_activations_sums_to_the_true_effect(replacement):
    """Completeness: at one site of the last layer the signed scores add up to the whole drop."""
    model, task = word_model(sizes=Sizes(layers=2)), word_task()
    universe = Universe.of(model.shape, "mlp.post_act")
    scores = attribution(
        model,
        task.train,
        universe,
        baseline=replacement.name,
        integrate="activations",
        steps=40,
        aggregate="signed",
    )
    metric = task.metric()
    full = evaluate(model, task.train, metrics=[metric]).metrics[metric.name].mean()
    for layer in range(2):
        group = universe.groups[layer]
        kept = torch.ones(universe.size, dtype=torch.bool)
        kept[group.nodes] = False
        without = evaluate(
            model, task.train, Circuit(universe, kept), replacement, metrics=[metric], sliced=False
        )
        drop = full - without.metrics[metric.name].mean()
        assert abs(float(drop - scores.values[group.nodes].sum())) <= 2e-3


def test_one_step_along_the_inputs_is_the_gradient_at_their_middle():
    from tapeout.models import Tap, Tokens, attached

    model, task = word_model(), word_task()
    split = task.train.subset([0], "one")
    scores = attribution(
        model, split, "mlp.post_act", integrate="inputs", steps=1, aggregate="signed"
    )
    item = split.encoded[0]
    start = Tap(model.hf.get_submodule(model.anatomy.family.embed), "out")
    tap = model.tap(1, "mlp.post_act")

    def run(ids, middle=None):
        embedded, seen = [], []
        taps = [(start, lambda x: embedded.append(x) or middle), (tap, seen.append)]
        with attached(taps):
            logits = model.logits(Tokens.pad([ids]), keep=1)[0, 0]
        return logits[item.answers[0][0]] - logits[item.foils[0][0]], embedded[0], seen[0]

    _, clean_in, clean = run(item.prompt)
    _, other_in, other = run(item.counterfactual)
    value, _, at_middle = run(item.prompt, (clean_in + other_in) / 2)
    (gradient,) = torch.autograd.grad(value, at_middle)
    expected = (gradient * (clean - other))[0, 1:].sum(0)
    assert gap(scores.values[scores.universe.groups[1].nodes], expected) <= 1e-5


def test_kl_needs_a_path():
    model, task = word_model(), word_task()
    with pytest.raises(TaskError, match="KL is at its minimum"):
        attribution(model, task.train, SPEC, metric="kl")
    scores = attribution(model, task.train, SPEC, metric="kl", integrate="inputs")
    assert float(scores.values.sum()) > 0


def test_mean_baseline_needs_means():
    model, task = word_model(), word_task()
    with pytest.raises(TaskError, match="needs means"):
        attribution(model, task.train, SPEC, baseline="mean")
    means = means_over(model, task.reference, SPEC)
    attribution(model, task.train, SPEC, baseline="mean", means=means)


def test_several_tokens_need_the_likelihood():
    model, task = word_model(), word_task(answer_words=3)
    with pytest.raises(TaskError, match="compares single tokens"):
        attribution(model, task.train, SPEC, metric="logit_difference")
    assert attribution(model, task.train, SPEC).origin["metric"]["name"] == "log_likelihood"


def test_bad_arguments():
    model, task = word_model(), word_task()
    with pytest.raises(TaskError, match="did you mean 'logit_difference'"):
        attribution(model, task.train, SPEC, metric="logit_diference")
    with pytest.raises(CircuitError, match="unknown site"):
        attribution(model, task.train, "mlp")
    with pytest.raises(TaskError, match="gets none of words/train right"):
        attribution(model, task.train, SPEC, correct_only=True)


def test_batch_size_does_not_matter_and_repeats_are_identical():
    model, task = word_model(), word_task()
    one = attribution(model, task.train, SPEC, batch_size=1).values
    many = attribution(model, task.train, SPEC, batch_size=12).values
    assert gap(one, many) <= 1e-5
    assert torch.equal(many, attribution(model, task.train, SPEC, batch_size=12).values)


def test_memory_is_given_back():
    """A hook that holds its own tensor would keep every batch's graph alive."""
    import gc
    import weakref

    model, task = word_model(), word_task()
    seen = []
    handle = model.tap(0, "mlp.post_act").attach(lambda x: seen.append(weakref.ref(x)))
    attribution(model, task.train, "mlp.post_act", batch_size=4)
    handle.remove()
    gc.collect()
    assert seen and all(ref() is None for ref in seen)


def test_frequency_counts_where_a_node_is_strong():
    model, task = word_model(), word_task()
    scores = frequency(model, task.train, SPEC)
    assert float(scores.values.min()) >= 0 and float(scores.values.max()) <= 1
    assert float(scores.values.std()) > 0


def test_random_is_seeded():
    model = word_model()
    assert torch.equal(random(model, SPEC).values, random(model, SPEC).values)
    assert not torch.equal(random(model, SPEC).values, random(model, SPEC, seed=1).values)
