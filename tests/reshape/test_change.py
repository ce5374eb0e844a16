"""Changes: scaled, applied, saved, refused."""

import json

import pytest
import torch

from tapeout.errors import ReshapeError
from tapeout.reshape import Change, condition

from ..tiny import Sizes
from ..words import learnable, word_model, word_task


@pytest.fixture(scope="module", params=[0, 2])
def case(request):
    model = word_model(sizes=Sizes(d_mlp=16))
    task = learnable(word_task(n=8), model)
    options = {"rank": request.param, "steps": 3, "batch_size": 6, "learning_rate": 1e-2}
    return model, condition(model, task.train, **options).change


@pytest.mark.parametrize("scale", [0.25, 1.0, -0.5])
def test_scaling_is_linear(case, scale):
    model, change = case
    new = dict(change.applied(model, scale).hf.named_parameters())
    base = dict(model.hf.named_parameters())
    dense = dict(change.dense())
    for name, weight in base.items():
        expected = weight + scale * dense[name] if name in dense else weight
        assert torch.equal(new[name], expected)


def test_what_was_saved_is_what_is_loaded(case, tmp_path):
    model, change = case
    change.save(tmp_path / "change")
    again = Change.load(tmp_path / "change")
    assert again.origin == json.loads(json.dumps(dict(change.origin)))
    assert again.base == change.base
    for (name, a), (other, b) in zip(sorted(change.dense()), sorted(again.dense()), strict=True):
        assert name == other and torch.equal(a, b)
    again.applied(model)


def test_another_base_is_refused(case):
    _, change = case
    other = word_model(sizes=Sizes(d_mlp=16, seed=7))
    with pytest.raises(ReshapeError, match="apply it to the model that it was learned on"):
        change.applied(other)


def test_a_damaged_change_is_told(case, tmp_path):
    _, change = case
    with pytest.raises(ReshapeError, match="holds no change"):
        Change.load(tmp_path / "none")
    change.save(tmp_path / "change")
    tensors = tmp_path / "change" / "change.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:50])
    with pytest.raises(ReshapeError, match="damaged"):
        Change.load(tmp_path / "change")


def test_a_newer_schema_is_refused(case, tmp_path):
    _, change = case
    change.save(tmp_path / "change")
    config = tmp_path / "change" / "change_config.json"
    config.write_text(config.read_text().replace('"schema_version": 1', '"schema_version": 9'))
    with pytest.raises(ReshapeError, match="update Tapeout"):
        Change.load(tmp_path / "change")


def test_an_unwritable_folder_is_told(case, tmp_path):
    _, change = case
    (tmp_path / "file").write_text("")
    with pytest.raises(ReshapeError, match="cannot write"):
        change.save(tmp_path / "file" / "change")
