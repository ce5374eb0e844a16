import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.decompose.toys import TOYS, Autoencoder, Deep, Parallel, sparse_inputs, toy
from tapeout.errors import DecomposeError

QUICK = {"steps": 3, "starts": 2, "batch_size": 16}


@given(
    groups=st.integers(1, 6),
    group=st.integers(1, 5),
    active=st.floats(0.05, 1.0),
    low=st.sampled_from([-1.0, 0.0]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=30)
def test_groups_are_active_together_and_no_row_is_empty(groups, group, active, low, seed):
    features = groups * group
    rows = sparse_inputs(
        50,
        features=features,
        group=group,
        active=active,
        low=low,
        generator=torch.Generator().manual_seed(seed),
    )
    assert rows.shape == (50, features)
    on = (rows != 0).reshape(50, groups, group)
    assert on.any(dim=(1, 2)).all()
    # A value may be zero by chance, once in many millions.
    assert (on.all(2) == on.any(2)).all()
    assert rows.min() >= low
    assert rows.max() < 1


def test_as_many_features_are_active_as_asked():
    rows = sparse_inputs(4000, features=20, active=0.3, generator=torch.Generator().manual_seed(0))
    assert abs(float((rows != 0).float().mean()) - 0.3) < 0.02


@pytest.mark.parametrize("name", sorted(TOYS))
def test_the_same_seed_gives_the_same_toy(name: str):
    before = torch.random.get_rng_state()
    one = toy(name, **QUICK)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    again, other = toy(name, **QUICK), toy(name, seed=1, **QUICK)
    for key, value in one.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[key])
    assert one.loss == again.loss != other.loss
    inputs = one.inputs(7, seed=0)
    assert inputs.shape == (7, one.features)
    assert one.model(inputs).shape == inputs.shape
    assert sorted(i for group in one.groups for i in group) == list(range(one.features))
    assert not one.model.training
    assert all(not p.is_meta and p.requires_grad for p in one.model.parameters())


def test_training_brings_the_loss_down_and_keeps_the_best_start():
    short, long = toy("tms", steps=1, starts=4), toy("tms", steps=150, starts=4)
    assert long.loss < 0.5 * short.loss
    singles = toy("tms", steps=40, starts=1).loss, toy("tms", steps=40, starts=4).loss
    assert singles[1] <= singles[0]


def test_networks_stand_side_by_side():
    model = Parallel(2, 3, 2, 3)
    inputs = torch.rand(4, 6)
    apart = [
        network(part) for network, part in zip(model.networks, inputs.chunk(2, 1), strict=True)
    ]
    assert torch.equal(model(inputs), torch.cat(apart, 1))


def test_what_an_autoencoder_maps_is_its_output_without_bias_and_relu():
    model = Autoencoder(3, 2, 3)
    with torch.no_grad():
        model.encoder.weight.abs_()
        model.decoder.weight.abs_()
    inputs = torch.rand(4, 3)
    assert torch.allclose(model(inputs), inputs @ model.map(), atol=1e-6)


def test_hidden_layers_are_as_many_as_asked():
    widths = [tuple(p.shape) for name, p in Deep(5, 10, 4).named_parameters() if "weight" in name]
    assert widths == [(10, 5), (10, 10), (10, 10), (10, 10), (5, 10)]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tmss", {}, "did you mean 'tms'"),
        ("tms", {"step": 3}, "did you mean 'steps'"),
        ("tms", {"hidden": 0}, "hidden of a toy must be at least 1"),
        ("high-rank", {"group": 4}, "groups of 4 do not divide 25"),
        ("tms", {"active": 0.0}, "active must lie"),
    ],
)
def test_a_toy_that_makes_no_sense_is_refused(name, options, message):
    with pytest.raises(DecomposeError, match=message):
        toy(name, **options)


def test_a_training_that_comes_to_nothing_is_said():
    with pytest.raises(DecomposeError, match="lower its learning rate"):
        toy("tms", learning_rate=1e30, **QUICK)
