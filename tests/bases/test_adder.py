from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import tapeout
from tapeout.bases import Adder, AdderConfig, adder, held_out_counts
from tapeout.errors import ModelError, RunError

TINY = AdderConfig(
    steps=6, layers=2, d_model=16, heads=2, d_mlp=24, batch_size=16, warm_up=2, save_every=2
)


class Killed(Exception):
    pass


def kill_at(last: int) -> Any:
    def progress(done: int, total: int) -> None:
        if done == last:
            raise Killed

    return progress


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.hf.named_parameters()}


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(p, weights(other)[name]) for name, p in weights(one).items())


def test_the_same_seed_gives_the_same_weights():
    before = torch.random.get_rng_state()
    one = adder(TINY)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert same(one, adder(TINY))
    assert not same(one, adder(replace(TINY, seed=1)))
    assert not one.hf.training


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("last", [1, 3, 4])
def test_a_killed_training_goes_on_as_it_would_have(tmp_path: Path, precision: Any, last: int):
    config = replace(TINY, precision=precision)
    file = tmp_path / "training.safetensors"
    with pytest.raises(Killed):
        adder(config, checkpoint=file, progress=kill_at(last))
    assert file.is_file() == (last >= config.save_every)
    steps = []
    again = adder(config, checkpoint=file, progress=lambda done, total: steps.append(done))
    assert steps[0] == last - last % config.save_every + 1
    assert same(again, adder(config))


def test_a_checkpoint_of_another_training(tmp_path: Path):
    file = tmp_path / "training.safetensors"
    adder(TINY, checkpoint=file)
    for change in ({"seed": 1}, {"d_mlp": 16}, {"steps": 8}):
        with pytest.raises(RunError, match="of another training"):
            adder(replace(TINY, **change), checkpoint=file)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(RunError, match="is damaged"):
        adder(TINY, checkpoint=file)


def test_it_learns():
    training = Adder(replace(TINY, steps=60, batch_size=64, warm_up=5))
    losses = [training.update() for _ in range(60)]
    assert sum(losses[-10:]) < 0.75 * sum(losses[:10])


def test_the_rate_grows_stays_and_falls():
    training = Adder(replace(TINY, steps=20, warm_up=4))
    rates = []
    for step in range(20):
        training.step = step
        rates.append(training._rate())
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[10] == 1.0 and rates[15] == 0.5 and rates[19] == pytest.approx(0.1)


def test_it_is_a_model_like_any_other(tmp_path: Path):
    model = adder(TINY)
    model.save_pretrained(tmp_path)
    again = tapeout.load(tmp_path)
    assert same(model, again)
    assert again.shape.family == "llama"
    assert held_out_counts(model, n=50) == held_out_counts(again, n=50)


def test_muon_has_the_matrices_of_the_layers():
    training = Adder(TINY)
    names = {id(p): name for name, p in training.hf.named_parameters()}
    in_muon = {names[id(p)] for p in training.optimizers.muon.param_groups[0]["params"]}
    in_adam = {names[id(p)] for p in training.optimizers.adam.param_groups[0]["params"]}
    assert in_muon | in_adam == set(names.values()) and not in_muon & in_adam
    assert len(in_muon) == 2 * 7
    assert {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"} <= in_adam


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"d_model": 30, "heads": 4}, "30 does not divide into 4"),
        ({"addition": 1.5}, "addition must lie between 0 and 1"),
    ],
)
def test_sizes_that_make_no_sense(options: dict[str, Any], message: str):
    with pytest.raises(ModelError, match=message):
        AdderConfig(**options)


def test_a_loss_that_is_not_finite():
    with pytest.raises(ModelError, match="lower its learning rates"):
        adder(replace(TINY, adam_rate=float("inf"), steps=4))


def test_an_old_torch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ModelError, match=r"install torch 2\.9"):
        Adder(TINY)
