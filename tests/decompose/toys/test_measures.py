"""What is measured of directions of toys that leak, and of one that does not."""

import pytest
import torch

from tapeout.decompose import decompose, gradients
from tapeout.decompose.toys import Autoencoder, Toy, main_directions, measures, toy


def measured(known: Toy) -> dict[str, float | int]:
    taken = gradients(known.model, known.inputs(200, seed=1), path="general", rows_at_once=200)
    found = decompose(taken, count=known.features, active=0.2, steps=20)
    assert set(main_directions(known, found, taken)) <= set(range(len(known.groups)))
    return measures(known, found, taken)


def test_features_apart_from_each_other_do_not_leak():
    known = toy("tms", hidden=5, steps=1, starts=1)
    assert isinstance(known.model, Autoencoder)
    with torch.no_grad():
        for weight in (known.model.encoder.weight, known.model.decoder.weight):
            weight.copy_(torch.eye(5))
        known.model.decoder.bias.zero_()
    row = measured(known)
    assert row["off_leak"] == row["off_leak_worst"] == 0
    assert row["off_others"] <= row["off_others_worst"]
    assert row["off_left"] <= 0.02


def test_features_in_one_place_leak():
    row = measured(toy("tms", steps=100, starts=1))
    assert 0 < row["off_leak"] <= row["off_leak_worst"]


@pytest.mark.parametrize(
    ("name", "more"),
    [("tmcs", "coefficient_r2_of_answers"), ("x2", "specificity_middle_weights")],
)
def test_every_toy_has_measures_of_its_own(name: str, more: str):
    row = measured(toy(name, steps=30, starts=1))
    assert more in row
    assert "off_leak" not in row
