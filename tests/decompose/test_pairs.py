"""Gradients of pairs that differ in one respect."""

import copy
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import nn

from tapeout.decompose import (
    DIVERGENCES,
    PairConfig,
    StoredGradients,
    collect_pairs,
    decompose,
    gradients,
    pairs_of,
)
from tapeout.errors import DecomposeError, TaskError
from tapeout.tasks import Example, Split

from ..tiny import Sizes
from ..words import word_model, word_task, word_tokenizer
from .nets import Net, assert_same, some_ids

LAST = PairConfig(divergence="kl", samples="last", batch_size=4, rows_at_once=2)


@pytest.mark.parametrize("path", ["structured", "general"])
def test_every_pair_is_compared_with_its_own_other_side(path):
    net, first, second = Net(), some_ids(6, 4), some_ids(6, 4, seed=1)
    config = PairConfig(divergence="mse", path=path, batch_size=4)
    found = collect_pairs(net, list(zip(first, second, strict=True)), config)
    with torch.no_grad():
        others = net.eval()(second)
    assert_same(found, gradients(net, first, others, divergence="mse", path=path))


def test_pairs_of_other_lengths_keep_their_order(tmp_path):
    model = word_model(sizes=Sizes(layers=2))
    split = word_task(n=10).train
    pairs = pairs_of(split)
    assert len({len(first) for first, _ in pairs}) == 3
    found = collect_pairs(model, split, LAST)
    assert len(found) == 10
    for place in (0, 1, 2, 9):
        first, second = pairs[place]
        with torch.no_grad():
            other = model.hf(second[None]).logits[:, -1]
        expected = gradients(model, first[None], other, divergence="kl", samples="last")
        assert_same(found.rows(torch.tensor([place])), expected)
    stored = collect_pairs(model, split, LAST, folder=tmp_path)
    assert isinstance(stored, StoredGradients)
    assert_same(stored, found, 1e-6)
    assert_same(StoredGradients.load(tmp_path), found, 1e-6)
    with pytest.raises(DecomposeError, match="use another folder"):
        collect_pairs(model, word_task(n=10).test, LAST, folder=tmp_path)


def test_what_both_sides_share_has_no_gradient():
    """Only the weights that the difference goes through are in the gradients."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Linear(4, 4, bias=False))
    with torch.no_grad():  # two nets beside each other
        for layer in (net[0], net[2]):
            layer.weight.copy_(torch.block_diag(torch.rand(2, 2), torch.rand(2, 2)))
    first = torch.rand(20, 4)
    second = torch.cat([first[:, :2], torch.rand(20, 2)], 1)
    config = PairConfig(divergence="mse", path="general")
    found = collect_pairs(net, list(zip(first, second, strict=True)), config)
    dense = found.dense()
    assert float(dense["2.weight"][:, :2].abs().max()) < 1e-6
    assert float(dense["2.weight"][:, 2:].abs().max()) > 1e-3
    learned = decompose(found, count=2, steps=30, batch_size=8, active=1.0)
    assert float(learned.decoder.dense()["2.weight"][:, :2].abs().max()) < 0.05


def test_what_weights_do_before_a_pair_parts_can_be_left_out():
    """The gradient by a copy of the weights that is used behind the shared tokens alone."""
    net, first = Net(twice=True), some_ids(5, 6)  # positions mix
    second = first.clone()
    parts = [1, 3, 3, 5, 0]
    for row, place in enumerate(parts):
        second[row, place:] = (second[row, place:] + 1) % 11
    names = ("first.weight", "second.bias", "table.weight")
    config = PairConfig(divergence="kl", samples="last", parameters=names, shared=False)
    pairs = list(zip(first, second, strict=True))
    found = collect_pairs(net, pairs, config).dense()
    late = copy.deepcopy(net)
    for row, place in enumerate(parts):
        with torch.no_grad():
            reference = net.eval()(second[row : row + 1])[:, -1]
        with _only_behind(net, late, place):
            output = net(first[row : row + 1])[:, -1]
        loss = DIVERGENCES["kl"](output, reference)[0]
        own = [late.get_parameter(name) for name in names]
        expected = torch.autograd.grad(loss, own)
        for name, value in zip(names, expected, strict=True):
            torch.testing.assert_close(found[name][row], value, rtol=1e-3, atol=1e-6)
    whole = collect_pairs(net, pairs, replace(config, shared=True)).dense()
    for name in names:
        torch.testing.assert_close(found[name][4], whole[name][4])  # it parts at once
        assert (found[name][3] - whole[name][3]).norm() > 0.1 * whole[name][3].norm()


@contextmanager
def _only_behind(net: Net, late: Net, place: int):
    """Layers use the weights of a copy behind a place, and their own before it."""
    handles = []
    for name in ("first", "second", "table"):
        other = late.get_submodule(name)

        def mixed(module, args, output, other=other):
            return torch.cat([output[:, :place], other.forward(args[0])[:, place:]], 1)

        handles.append(net.get_submodule(name).register_forward_hook(mixed))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def test_a_killed_collection_goes_on(tmp_path):
    net = Net()
    pairs = list(zip(some_ids(8, 4), some_ids(8, 4, seed=1), strict=True))

    def kill(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect_pairs(net, pairs, LAST, folder=tmp_path, progress=kill)
    seen = []
    found = collect_pairs(net, pairs, LAST, folder=tmp_path, progress=lambda *p: seen.append(p))
    assert seen == [(2, 2)]
    assert_same(found, collect_pairs(net, pairs, LAST))


def test_what_is_no_pair_is_refused():
    net = Net()
    with pytest.raises(DecomposeError, match="no pairs"):
        collect_pairs(net, [])
    with pytest.raises(DecomposeError, match=r"sides of pair 1 have shapes \[4\] and \[3\]"):
        ids = some_ids(2, 4)
        collect_pairs(net, [(ids[0], ids[1]), (ids[0], ids[1][:3])])
    with pytest.raises(DecomposeError, match="not token by token"):
        collect_pairs(net, [(some_ids(1, 4)[0],) * 2], PairConfig(samples="token"))
    with pytest.raises(DecomposeError, match="only rows of tokens have a beginning"):
        collect_pairs(nn.Linear(3, 2), [(torch.rand(3), torch.rand(3))], PairConfig(shared=False))
    with pytest.raises(DecomposeError, match="left out of structured gradients alone"):
        collect_pairs(net, [(ids[0], ids[1])], PairConfig(shared=False, path="general"))
    alone = Split("one", [Example(prompt="w3 w4", answers=(" w5",))], word_tokenizer())
    with pytest.raises(TaskError, match="counterfactual for every example"):
        pairs_of(alone)


def test_sides_that_are_the_same_are_said():
    net, ids = Net(), some_ids(3, 4)
    found = collect_pairs(net, [(row, row) for row in ids], PairConfig())
    with pytest.raises(DecomposeError, match="all 3 gradients are zero"):
        decompose(found, count=2, steps=2)


def test_weights_that_are_not_finite_are_said():
    net = Net()
    with torch.no_grad():
        net.second.weight[0, 0] = float("nan")
    pairs = list(zip(some_ids(4, 4), some_ids(4, 4, seed=1), strict=True))
    with pytest.raises(DecomposeError, match="not finite"):
        decompose(collect_pairs(net, pairs, PairConfig(divergence="kl", samples="last")),
                  count=2, steps=2)  # fmt: skip
