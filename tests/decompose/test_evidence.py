"""Directions beside others: what is measured is what it is said to be."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.decompose import L3D, Directions, ExplicitGradients, decompose, gradients
from tapeout.decompose.evidence import (
    Factored,
    Moving,
    Principal,
    changed_tokens,
    held_out,
    mean_impacts,
    prepared,
    random_directions,
    ratio_of_sums,
    singular_directions,
    specificities,
)
from tapeout.errors import DecomposeError

from .nets import WORDS, Net, some_ids

NAMES = ["first.weight", "head.weight"]


def taken(rows: int = 24, seed: int = 0, **options):
    how = {"divergence": "kl", "samples": "last", "parameters": NAMES} | options
    return gradients(Net(seed=seed), some_ids(rows, 4, seed), seed, **how)


def flat(dense: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([dense[name].reshape(len(dense[name]), -1) for name in NAMES], 1)


@given(path=st.sampled_from(["structured", "general"]), seed=st.integers(0, 20))
@settings(max_examples=6)
def test_principal_directions_are_those_of_written_out_gradients(path: str, seed: int):
    train, test = (prepared(taken(seed=s, path=path), per_sample=True) for s in (seed, seed + 50))
    found = Principal.of(train, 3)
    own = torch.stack([flat({n: v[None] for n, v in found.dense(i).items()})[0] for i in range(3)])
    assert torch.allclose(own @ own.T, torch.eye(3), atol=1e-3)
    values = torch.linalg.svdvals(flat(train.dense()))[:3]
    assert torch.allclose((flat(train.dense()) @ own.T).norm(dim=0), values, rtol=1e-2)
    assert torch.allclose(found.coefficients(test), flat(test.dense()) @ own.T, atol=1e-3)


def test_fewer_gradients_than_principal_directions_is_an_error():
    train = prepared(taken(rows=4), per_sample=True)
    with pytest.raises(DecomposeError, match="span 4 principal directions, not 5"):
        Principal.of(train, 5)


def test_what_is_left_is_the_decomposition_s_own_error():
    train, test = taken(), taken(rows=16, seed=3)
    config = L3D(count=5, active=0.4, steps=10, batch_size=8, per_sample=True)
    found = decompose(train, config)
    left = held_out(Factored.of(found), prepared(test, per_sample=True), 0.4)
    error = left.error()
    assert error.value == pytest.approx(found.error(test), rel=1e-4)
    assert error.low <= error.value <= error.high and error.n == 16
    assert (left.fitted <= left.left + 1e-4).all()
    assert left.below(left).value == 0


@given(seed=st.integers(0, 99), active=st.floats(0.1, 1.0))
@settings(max_examples=15)
def test_a_fit_is_never_worse_than_any_coefficients(seed: int, active: float):
    draws = torch.Generator().manual_seed(seed)
    some = ExplicitGradients({n: torch.randn(12, 3, 4, generator=draws) for n in NAMES})
    chosen = random_directions(some, 4, 1, seed)
    left = held_out(chosen, some, active)
    assert (left.fitted <= left.left * (1 + 1e-3) + 1e-4).all()
    whole = held_out(chosen, some, 1.0)
    dense = flat(chosen.decoder.dense())
    best = torch.linalg.lstsq(dense.T, flat(some.dense()).T).solution
    rest = (flat(some.dense()).T - dense.T @ best).square().sum(0)
    assert torch.allclose(whole.fitted, rest, rtol=1e-2, atol=1e-3)


def test_singular_directions_are_those_of_the_weights():
    train, net = taken(), Net()
    weights = {name: net.get_parameter(name) for name in NAMES}
    found = singular_directions(weights, train, 8, 1).decoder
    assert torch.allclose(found.norms(), torch.ones(8), atol=1e-4)
    for index in range(8):
        own = found.dense(index)
        (name,) = [name for name, value in own.items() if value.abs().max() > 0]
        left, values, right = torch.linalg.svd(own[name])
        turned = left[:, 0] @ weights[name].detach() @ right[0]
        assert (
            values[1] < 1e-5 and (torch.linalg.svdvals(weights[name]) - turned).abs().min() < 1e-4
        )
    with pytest.raises(DecomposeError, match="8 singular directions of these ranks, not 9"):
        singular_directions(weights, train, 9, 1)


def test_a_ratio_s_interval_draws_whole_rows():
    parts, whole = torch.rand(40), torch.ones(40)
    assert ratio_of_sums(whole, whole * 4).low == pytest.approx(0.25)
    single, double = (
        ratio_of_sums(parts, whole),
        ratio_of_sums(parts.repeat_interleave(2), whole.repeat_interleave(2), each=2),
    )
    assert double == single


def test_derivatives_are_those_of_small_steps():
    net, ids = Net(), some_ids(5, 4)
    moving = Moving(net, ids, "token", NAMES)
    draws = torch.Generator().manual_seed(0)
    shapes = {name: tuple(net.get_parameter(name).shape) for name in NAMES}
    direction = Directions.random(shapes, 1, 1, draws).dense(0)
    samples = torch.tensor([0, 7, 19])
    found = moving.derivatives(direction, samples)

    def said(delta: float) -> torch.Tensor:
        with torch.no_grad():
            for name in NAMES:
                net.get_parameter(name).add_(delta * direction[name])
            return net(ids).flatten(0, 1)[samples].log_softmax(-1)

    low = said(-1e-2)
    assert torch.allclose(found, (said(2e-2) - low) / 2e-2, atol=1e-2)
    up, down = changed_tokens(moving, direction, samples[:1], 2)
    assert up[0].slope >= up[1].slope >= down[1].slope >= down[0].slope


def test_a_token_s_own_weights_are_specific_to_it():
    net, ids = Net(twice=True), some_ids(40, 3)
    moving = Moving(net, ids, "last", ["table.weight"])
    assert (
        moving.divergences({"table.weight": torch.ones(WORDS, 4)}, 0.0, torch.arange(3)).max() == 0
    )
    rows = torch.eye(WORDS)[:, None]
    one = torch.full((WORDS, 1, 4), 0.5)
    shapes = {"table.weight": (WORDS, 4)}
    tokens = Factored.of(Directions(factors={"table.weight": (rows, one)}, shapes=shapes))
    holds = (ids[:, :, None] == torch.arange(WORDS)).any(1).float()
    share = float(holds.mean()) + 0.01  # what does not bear on a sample never counts
    found = specificities(
        tokens, moving, holds, active=share, effect=0.01, directions=20, samples=8
    )
    assert found.rows and all(row.rest < 1e-6 < row.active for row in found.rows)
    assert found.ratio.low > 10
    for row in found.rows:
        assert (row.active + row.rest) / 2 == pytest.approx(0.01, rel=0.2) and row.moved > 0
        taken = [step for step in row.steps if step.moved == row.moved]
        assert [(step.active, step.rest) for step in taken] == [(row.active, row.rest)]
        lengths = [step.moved for step in row.steps]
        assert len(lengths) > 1 and lengths == sorted(lengths)
    spread = specificities(tokens, moving, torch.rand(40, WORDS), active=share, effect=0.01)
    assert spread.ratio.value < found.ratio.low


def test_impacts_are_means_over_references():
    sets = [prepared(taken(seed=seed), per_sample=True) for seed in (1, 2)]
    chosen = random_directions(sets[0], 3, 1, 0)
    each = [one.contract(chosen.encoder).abs() for one in sets]
    assert torch.allclose(mean_impacts(chosen, sets), (each[0] + each[1]) / 2)
