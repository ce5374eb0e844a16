from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.decompose import (
    L3D,
    Decomposition,
    Directions,
    ExplicitGradients,
    Learner,
    batch_top_k,
    decompose,
)
from tapeout.errors import DecomposeError, RunError
from tapeout.models import Fingerprint

SHAPES = {"matrix": (4, 3), "bias": (4,)}
TINY = L3D(count=4, active=0.3, steps=12, batch_size=16, revive_every=4, save_every=3)


def planted(count: int = 3, samples: int = 60, seed: int = 0) -> tuple[Any, Directions]:
    """Gradients along one direction each, of norms that differ."""
    draws = torch.Generator().manual_seed(seed)
    truth = Directions.random(SHAPES, count, 1, draws)
    owner = torch.randint(count, (samples,), generator=draws)
    scale = torch.randn(samples, generator=draws)
    dense = {
        name: value[owner] * scale.reshape(-1, *[1] * (value.dim() - 1))
        for name, value in truth.dense().items()
    }
    return ExplicitGradients(dense), truth


def noise(samples: int = 40, seed: int = 0) -> ExplicitGradients:
    draws = torch.Generator().manual_seed(seed)
    return ExplicitGradients(
        {name: torch.randn(samples, *shape, generator=draws) for name, shape in SHAPES.items()}
    )


def same(one: Decomposition, other: Decomposition) -> bool:
    pairs = [(one.decoder, other.decoder), (one.encoder, other.encoder)]
    return one.train_error == other.train_error and all(
        torch.equal(mine, theirs)
        for a, b in pairs
        for mine, theirs in zip(a.parameters(), b.parameters(), strict=True)
    )


@given(
    rows=st.integers(1, 20),
    columns=st.integers(1, 10),
    share=st.floats(0.001, 1.0),
    seed=st.integers(0, 99),
)
def test_as_many_coefficients_count_as_asked_and_the_largest(rows, columns, share, seed):
    draws = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, columns, generator=draws)
    counts = batch_top_k(values, share)
    assert counts.sum() == max(1, int(share * rows * columns))
    if not counts.all():
        assert values[counts].abs().min() >= values[~counts].abs().max()


def test_a_coefficient_of_zero_never_counts():
    values = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    assert batch_top_k(values, 1.0).tolist() == [[False, True], [False, False]]


@given(seed=st.integers(0, 99), share=st.floats(0.05, 1.0), per_sample=st.booleans())
@settings(deadline=None, max_examples=20)
def test_the_error_is_that_of_gradients_written_out(seed, share, per_sample):
    draws = torch.Generator().manual_seed(seed)
    decoder, encoder = (Directions.random(SHAPES, 5, 1, draws) for _ in range(2))
    config = L3D(count=5, active=share, per_sample=per_sample)
    found = Decomposition(
        config=config, decoder=decoder, encoder=encoder, activity=torch.ones(5), train_error=0.0
    )
    gradients = noise(samples=30, seed=seed)
    flat = torch.cat([value.flatten(1) for value in gradients.dense().values()], 1)
    if per_sample:
        flat = flat / flat.norm(dim=1, keepdim=True)
    into, out = (
        torch.cat([value.flatten(1) for value in some.dense().values()], 1)
        for some in (encoder, decoder)
    )
    whole = flat @ into.T
    rebuilt = whole * batch_top_k(whole, share) @ out
    expected = (rebuilt - flat).square().sum() / flat.square().sum()
    assert found.error(gradients) == pytest.approx(float(expected), rel=1e-3, abs=1e-5)
    torch.testing.assert_close(
        found.coefficients(gradients), whole * batch_top_k(whole, share), rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("tied", [False, True])
def test_directions_have_norm_one_after_every_step(tied: bool):
    learner = Learner(noise(), replace(TINY, tied=tied))
    for _ in range(TINY.steps):
        before = [p.detach().clone() for p in learner.decoder.parameters()]
        learner.update()
        torch.testing.assert_close(learner.decoder.norms(), torch.ones(4))
        assert any(
            not torch.equal(p, q) for p, q in zip(before, learner.decoder.parameters(), strict=True)
        )
    found = learner.result()
    pairs = zip(found.decoder.parameters(), found.encoder.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs) == tied


def test_planted_directions_are_found():
    gradients, truth = planted()
    held, _ = planted(samples=30, seed=0)
    found = decompose(gradients, count=3, active=1 / 3, steps=150, batch_size=32)
    assert found.train_error < 0.01
    assert found.error(held) < 0.01
    assert (truth.gram(found.decoder).abs().amax(1) > 0.99).all()
    assert len(found.alive) == 3
    assert len(found.dead) == 0
    assert found.activity.sum() == pytest.approx(1, abs=0.05)
    assert found.history[-1]["step"] == 150
    assert found.history[-1]["error"] < 0.05


@pytest.mark.parametrize("initial", ["k-means", "samples", "random"])
@pytest.mark.parametrize("decay", ["cosine", "step"])
def test_training_brings_the_error_down(initial: Any, decay: Any):
    gradients = noise()
    settings = replace(TINY, initial=initial, decay=decay, warm_up=3)
    short = decompose(gradients, replace(settings, steps=1))
    assert decompose(gradients, replace(settings, steps=120)).train_error < short.train_error


def test_clusters_know_no_sign():
    gradients, truth = planted(count=3, samples=50)
    learner = Learner(gradients, L3D(count=3))
    assert (truth.gram(learner.decoder).abs().amax(1) > 0.99).all()


def test_of_several_starts_the_best_is_kept():
    gradients = noise()
    options = {"initial": "random", "steps": 10}
    several = decompose(gradients, replace(TINY, starts=3, **options))
    ends = [entry for entry in several.history if entry["step"] == 10]
    assert [entry["start"] for entry in ends] == [0, 1, 2]
    single = decompose(gradients, replace(TINY, **options))
    assert several.train_error <= single.train_error


def test_a_dead_direction_starts_anew():
    gradients, _ = planted(count=4, samples=80)
    learner = Learner(gradients, replace(TINY, count=4, active=0.25, steps=60, revive_every=10))
    with torch.no_grad():
        for directions in (learner.decoder, learner.encoder):
            for p in directions.parameters():
                p[1:] = 0
    for _ in range(60):
        learner.update()
    assert len(learner.result().alive) > 1


class Killed(Exception):
    pass


def kill_at(last: int) -> Any:
    def progress(done: int, total: int) -> None:
        if done == last:
            raise Killed

    return progress


@pytest.mark.parametrize("last", [2, 4, 13, 16])
@pytest.mark.parametrize("tied", [False, True])
def test_a_killed_training_goes_on_as_it_would_have(tmp_path: Path, last: int, tied: bool):
    config = replace(TINY, starts=2, tied=tied)
    file = tmp_path / "training.safetensors"
    with pytest.raises(Killed):
        decompose(noise(), config, checkpoint=file, progress=kill_at(last))
    assert file.is_file() == (last >= config.save_every)
    steps: list[int] = []
    again = decompose(
        noise(), config, checkpoint=file, progress=lambda done, total: steps.append(done)
    )
    assert steps[0] == last - last % config.save_every + 1
    assert steps[-1] == 24
    whole = decompose(noise(), config)
    assert same(again, whole)
    assert again.history == whole.history
    with pytest.raises(RunError, match="another training"):
        decompose(noise(), replace(config, seed=5), checkpoint=file)


def test_a_decomposition_is_read_back_as_it_was(tmp_path: Path):
    config = replace(TINY, ranks={"matrix": 2})
    found = decompose(noise(), config, model=Fingerprint("toy", "ab12"))
    loaded = Decomposition.load(found.save(tmp_path / "l3d"))
    assert same(found, loaded)
    assert torch.equal(found.activity, loaded.activity)
    assert (loaded.config, loaded.model, loaded.history) == (config, found.model, found.history)
    (tmp_path / "l3d" / "decomposition.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DecomposeError, match="damaged"):
        Decomposition.load(tmp_path / "l3d")
    with pytest.raises(DecomposeError, match="holds no decomposition"):
        Decomposition.load(tmp_path / "nowhere")


def broken(value: float) -> ExplicitGradients:
    gradients = noise()
    gradients.values["bias"][7, 0] = value
    return gradients


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_gradients_that_are_not_finite_are_refused(value: float):
    with pytest.raises(DecomposeError, match="1 of 40 samples are not finite, that of sample 7"):
        decompose(broken(value), TINY)
    with pytest.raises(DecomposeError, match="not finite"):
        decompose(noise(), TINY).error(broken(value))


def test_gradients_that_are_all_zero_are_refused():
    zero = ExplicitGradients({name: torch.zeros(5, *shape) for name, shape in SHAPES.items()})
    with pytest.raises(DecomposeError, match="all 5 gradients are zero"):
        decompose(zero, TINY)


def test_directions_that_are_all_dead_are_said():
    learner = Learner(noise(), TINY)
    with torch.no_grad():
        for directions in (learner.decoder, learner.encoder):
            for p in directions.parameters():
                p.zero_()
    with pytest.raises(DecomposeError, match="all 4 directions are dead"):
        for _ in range(TINY.steps):
            learner.update()


def test_a_loss_that_is_not_finite_is_said():
    with pytest.raises(DecomposeError, match="lower learning_rate"):
        decompose(noise(), replace(TINY, learning_rate=1e30, revive_every=0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count must be at least 1"),
        ({"count": 2, "active": 0.0}, "active is a part"),
        ({"count": 2, "initial": "kmeans"}, "did you mean 'k-means'"),
        ({"count": 2, "decay": "cosin"}, "did you mean 'cosine'"),
        ({"count": 2, "step": 3}, "did you mean 'steps'"),
        ({"steps": 3}, "say how many directions"),
        ({"count": 2, "ranks": 9}, "rank 9 does not fit"),
        ({"count": 2, "ranks": {"matrx": 1}}, "did you mean 'matrix'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict, message: str):
    with pytest.raises(DecomposeError, match=message):
        decompose(noise(), **options)


def test_directions_over_other_parameters_are_refused():
    found = decompose(noise(), TINY)
    with pytest.raises(DecomposeError, match="'bias'"):
        found.error(ExplicitGradients({"matrix": torch.randn(3, 4, 3)}))
    with pytest.raises(DecomposeError, match=r"\[4, 3\]"):
        found.error(ExplicitGradients({"matrix": torch.randn(3, 4, 2), "bias": torch.randn(3, 4)}))
