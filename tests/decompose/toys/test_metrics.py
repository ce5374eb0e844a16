"""Metrics on directions whose merit is known: the circuits themselves, and noise."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tapeout.decompose import Directions
from tapeout.decompose.toys import (
    Autoencoder,
    Toy,
    circuits,
    coefficient_cap,
    coefficient_r2,
    coefficients_of,
    groups_found,
    ml2r,
    mmcs,
    owners,
    shares,
    toy,
)
from tapeout.errors import DecomposeError


def quick(name: str) -> Toy:
    return toy(name, steps=30, starts=1, batch_size=32)


def perfect(known: Toy) -> Directions:
    return Directions.from_dense(circuits(known), 1)


def noise(known: Toy, count: int) -> Directions:
    shapes = {name: tuple(p.shape) for name, p in known.model.named_parameters()}
    return Directions.random(shapes, count, 1, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["tms", "tms-parallel"])
def test_the_circuits_themselves_score_one(name: str):
    known = quick(name)
    best = perfect(known).normalised()
    assert mmcs(best, known) == pytest.approx(1, abs=1e-5)
    assert mmcs(best, known, whole=True) == pytest.approx(1, abs=1e-5)
    assert ml2r(best, known) == pytest.approx(1, abs=1e-4)
    flipped = best.dense()
    flipped["networks.0.encoder.weight" if "parallel" in name else "encoder.weight"] *= -1
    assert mmcs(Directions.from_dense(flipped, 1), known, whole=True) < 0.9
    assert groups_found(best, known) == known.features


def test_all_circuits_together_are_the_weights():
    known = quick("tms-parallel")
    whole = dict(known.model.named_parameters())
    for name, parts in circuits(known, "weights").items():
        assert torch.allclose(parts.sum(0), whole[name])


def test_a_circuit_is_the_gradient_of_its_answer():
    known = quick("tms")
    model = known.model
    assert isinstance(model, Autoencoder)
    truth = circuits(known)
    for feature in range(known.features):
        answer = (model.decoder.weight @ model.encoder.weight)[feature, feature]
        of = (model.encoder.weight, model.decoder.weight)
        for name, gradient in zip(truth, torch.autograd.grad(answer, of), strict=True):
            assert torch.allclose(truth[name][feature], gradient)


def test_where_weights_are_tied_both_truths_are_one():
    known = toy("tms", steps=1, starts=1, learning_rate=1e-9)
    best = Directions.from_dense(circuits(known), 1)
    assert mmcs(best, known, truth="weights", whole=True) == pytest.approx(1, abs=1e-4)


def test_noise_scores_less():
    known = quick("tms")
    assert mmcs(noise(known, 5), known, whole=True) < 0.9
    assert ml2r(noise(known, 2), known) < 0.9


@given(signs=st.lists(st.sampled_from([-1.0, 1.0]), min_size=5, max_size=5))
@settings(deadline=None, max_examples=10)
def test_no_metric_knows_a_sign_or_an_order(signs: list[float]):
    known = SMALL
    turn = torch.tensor(signs)[:, None, None]
    dense = {name: value * turn for name, value in circuits(known).items()}
    turned = Directions.from_dense(dense, 1).select([4, 2, 0, 1, 3])
    assert mmcs(turned, known) == pytest.approx(1, abs=1e-5)
    assert ml2r(turned, known) == pytest.approx(1, abs=1e-4)


SMALL = quick("tms")


def test_a_toy_without_such_circuits_says_so():
    with pytest.raises(DecomposeError, match="tmcs"):
        circuits(quick("tmcs"))


def through(encoder: Tensor, decoder: Tensor) -> Directions:
    """One direction a feature: into one unit and out of it."""
    return Directions.from_dense({"encoder.weight": encoder, "decoder.weight": decoder}, 1)


@given(features=st.integers(2, 6), hidden=st.integers(1, 3), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_coefficients_are_read_off_up_to_their_scale(features: int, hidden: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    truth = 3 * torch.rand(features, features, generator=generator)
    encoder = torch.zeros(features, hidden, features)
    decoder = torch.zeros(features, features, hidden)
    for feature in range(features):
        unit = feature % hidden
        encoder[feature, unit, feature] = -0.5 - feature
        decoder[feature, :, unit] = truth[feature]
    found = coefficients_of(through(encoder, decoder).normalised())
    assert coefficient_r2(found, truth) == pytest.approx(1, abs=1e-4)
    assert coefficient_cap(truth, features) == pytest.approx(1, abs=1e-4)
    assert coefficient_cap(truth, 1) <= 1


def test_a_map_through_few_units_explains_what_the_cap_says():
    generator = torch.Generator().manual_seed(0)
    low = torch.randn(6, 2, generator=generator) @ torch.randn(2, 6, generator=generator)
    assert coefficient_cap(low, 2) == pytest.approx(1, abs=1e-4)
    assert coefficient_cap(low, 1) < 0.99
    assert coefficient_r2(torch.ones(6, 6), torch.eye(6)) < 0.1


def test_coefficients_need_an_autoencoder():
    known = quick("x2")
    with pytest.raises(DecomposeError, match=r"0\.weight"):
        coefficients_of(noise(known, 2))


@pytest.mark.parametrize("name", ["high-rank", "x2", "tms-parallel"])
def test_a_direction_is_of_the_group_that_it_reads(name: str):
    known = quick(name)
    dense = noise(known, 2).dense()
    reading = [key for key in dense if key in ("0.weight",) or "encoder" in key]
    for key in reading:
        dense[key].zero_()
    dense[reading[0]][0, :, known.groups[0]] = 1.0
    found = owners(Directions.from_dense(dense, 1), known)
    assert found.tolist() == [0, -1]
    assert groups_found(Directions.from_dense(dense, 1), known) == 1
    sums = shares(noise(known, 3), known).sum(1)
    assert torch.allclose(sums, torch.ones(3), atol=1e-5)
