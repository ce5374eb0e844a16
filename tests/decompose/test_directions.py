"""Directions against what they stand for, written out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.decompose import Directions, ExplicitGradients
from tapeout.errors import DecomposeError

SHAPES = {"matrix": (5, 4), "bias": (5,), "kernel": (3, 2, 4), "scale": ()}
RANKS = {"matrix": 2, "kernel": 3}


def some(count: int = 6, seed: int = 0, shapes=SHAPES, ranks=RANKS) -> Directions:
    return Directions.random(shapes, count, ranks, torch.Generator().manual_seed(seed))


def flat(dense: dict[str, torch.Tensor], count: int) -> torch.Tensor:
    return torch.cat([value.reshape(count, -1) for value in dense.values()], 1)


def gradients(count: int, shapes=SHAPES, seed: int = 0) -> ExplicitGradients:
    draw = torch.Generator().manual_seed(seed)
    values = {name: torch.randn((count, *s), generator=draw) for name, s in shapes.items()}
    return ExplicitGradients(values)


@st.composite
def some_shapes(draw) -> dict[str, tuple[int, ...]]:
    sizes = st.lists(st.integers(1, 5), min_size=1, max_size=4)
    shapes = draw(st.lists(sizes, min_size=1, max_size=3))
    return {f"layer.{i}.weight": tuple(shape) for i, shape in enumerate(shapes)}


@given(some_shapes(), st.integers(1, 5), st.integers(1, 4), st.integers(0, 99))
def test_products_and_norms_are_those_of_dense_directions(shapes, count, others, seed):
    mine, theirs = some(count, seed, shapes, 1), some(others, seed + 1, shapes, 1)
    a, b = flat(mine.dense(), count), flat(theirs.dense(), others)
    torch.testing.assert_close(mine.gram(theirs), a @ b.T)
    torch.testing.assert_close(mine.gram(), a @ a.T)
    torch.testing.assert_close(mine.norms(), torch.ones(count))
    batch = gradients(3, shapes, seed)
    torch.testing.assert_close(
        batch.contract(mine), flat(batch.dense(), 3) @ a.T, atol=1e-5, rtol=1e-5
    )


def test_higher_ranks_and_every_number_of_modes():
    mine = some()
    assert mine.ranks == {"matrix": 2, "bias": 1, "kernel": 3, "scale": 1}
    dense = flat(mine.dense(), 6)
    assert mine.dense(4)["kernel"].shape == (3, 2, 4) and mine.dense(4)["scale"].shape == ()
    torch.testing.assert_close(flat({k: v[None] for k, v in mine.dense(4).items()}, 1)[0], dense[4])
    torch.testing.assert_close(mine.gram(), dense @ dense.T)
    torch.testing.assert_close(mine.select([3, 1]).gram(mine), dense[[3, 1]] @ dense.T)
    batch = gradients(7)
    torch.testing.assert_close(batch.contract(mine), flat(batch.dense(), 7) @ dense.T)
    both = Directions.cat([mine, some(2, seed=9)])
    assert both.count == 8 and torch.equal(both.dense(1)["kernel"], mine.dense(1)["kernel"])


def test_normalising_keeps_every_direction_and_the_share_of_each_tensor():
    mine = some()
    long = mine.scaled(torch.linspace(0.5, 30, 6))
    torch.testing.assert_close(long.norms(), torch.linspace(0.5, 30, 6))
    for name, value in long.normalised().dense().items():
        torch.testing.assert_close(value, mine.dense()[name])
    trained = long.trainable()
    trained.normalise_()
    assert all(p.is_leaf and p.requires_grad for p in trained.parameters())
    torch.testing.assert_close(trained.norms(), torch.ones(6))
    nothing = Directions.from_dense({"bias": torch.zeros(2, 3)}, 1).normalised()
    assert not nothing.dense()["bias"].any()


def test_dense_directions_come_back_from_their_factors():
    mine = some()
    back = Directions.from_dense(mine.dense(), RANKS)
    for name, value in mine.dense().items():
        error = (back.dense()[name] - value).square().sum()
        assert error < (1e-3 if name == "kernel" else 1e-10) * value.square().sum(), name


@given(st.integers(1, 4), st.integers(0, 99))
def test_a_matrix_gets_its_best_approximation(rank, seed):
    matrices = torch.randn((3, 5, 4), generator=torch.Generator().manual_seed(seed))
    error = matrices - Directions.from_dense({"w": matrices}, rank).dense()["w"]
    left_out = torch.linalg.svdvals(matrices)[:, rank:].square().sum(1)
    torch.testing.assert_close(error.square().sum((1, 2)), left_out, atol=1e-4, rtol=1e-4)


def test_gradients_reach_every_factor():
    mine = some().trainable()
    loss = gradients(4).contract(mine).square().sum() + mine.gram().sum() + mine.norms().sum()
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in mine.parameters())


def test_explicit_gradients():
    batch = gradients(5)
    whole = flat(batch.dense(), 5)
    torch.testing.assert_close(batch.squared_norms(), whole.square().sum(1))
    picked = batch.rows(torch.tensor([4, 0, 0])).scaled(torch.tensor([2.0, 1.0, -1.0]))
    expected = whole[[4, 0, 0]] * torch.tensor([[2.0], [1.0], [-1.0]])
    torch.testing.assert_close(flat(picked.dense(), 3), expected)
    torch.testing.assert_close(batch.products(picked), whole @ expected.T)
    joined = ExplicitGradients.cat([batch, picked])
    assert len(joined) == 8 and joined.shapes == SHAPES
    assert batch.approximated({"matrix": 4}).ranks["matrix"] == 4


def test_a_saved_file_gives_the_same_directions(tmp_path):
    mine = some()
    mine.save(tmp_path / "new")
    back = Directions.load(tmp_path / "new")
    assert back.shapes == mine.shapes
    assert all(torch.equal(back.tensors()[name], own) for name, own in mine.tensors().items())
    with pytest.raises(DecomposeError, match="no directions"):
        Directions.load(tmp_path)


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        (5, r"rank 5 does not fit 'matrix' of shape \[5, 4\]: it takes 1 to 4"),
        (0, "rank 0"),
        ({"bias": 2}, "rank 2 does not fit 'bias'"),
        ({"matirx": 2}, "did you mean 'matrix'"),
    ],
)
def test_ranks_that_do_not_fit(ranks, message):
    with pytest.raises(DecomposeError, match=message):
        some(ranks=ranks)
    with pytest.raises(DecomposeError, match="at least one"):
        some(shapes={})
