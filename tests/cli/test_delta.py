"""tapeout delta: what each command writes, and what it says of wrong input."""

import copy
import sys

import pytest
import torch

from tapeout import load
from tapeout.amplify import Delta, update
from tapeout.circuits import Circuit, Universe
from tapeout.cli import main

from ..amplify.localised import PARTS, some_records
from ..words import word_model


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A model's folder and two deltas of it."""
    monkeypatch.setenv("COLUMNS", "400")
    model = word_model()
    model.save_pretrained(tmp_path / "model")
    universe = Universe.of(model.shape, PARTS)
    choices = {
        "a": ["0.attn.q.head1", "1.attn.v.head0", "2.mlp.post_act.5"],
        "b": ["0.attn.q.head2", "2.mlp.post_act.6"],
    }
    for name, nodes in choices.items():
        circuit = Circuit.of(universe, nodes)
        found = update(model, some_records(), circuit, steps=1, learning_rate=0.1)
        found.delta().save(tmp_path / name / "delta.safetensors")
    return tmp_path


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tapeout", "delta", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


def test_info_says_what_moved_and_how(places, run):
    code, text = run("info", places / "a")
    assert code == 0, text
    assert "1 query head, 1 value head and 1 MLP channel;" in text
    assert "learning_rate" in text and "words" in text and "float32" in text


def test_apply_then_revert_gives_the_folder_back(places, run):
    code, text = run("apply", places / "model", places / "a", "--out", places / "new")
    assert code == 0 and "tapeout delta revert" in text, text
    base, new = load(places / "model"), load(places / "new")
    assert new.tokenizer.get_vocab() == base.tokenizer.get_vocab()
    delta = Delta.load(places / "a")
    assert delta.result is not None
    assert new.fingerprint.weights == delta.result.weights != base.fingerprint.weights
    file = places / "a" / "delta.safetensors"
    code, text = run("revert", places / "new", file, "--out", places / "back")
    assert code == 0, text
    back = load(places / "back")
    assert back.fingerprint.weights == base.fingerprint.weights
    assert back.tokenizer.get_vocab() == base.tokenizer.get_vocab()


def test_a_folder_of_smaller_numbers_is_loaded_as_the_delta_wants_it(places, run):
    model = load(places / "model")
    half = model.sibling(copy.deepcopy(model.hf).to(torch.bfloat16), "half")
    half.save_pretrained(places / "half")
    universe = Universe.of(model.shape, PARTS)
    circuit = Circuit.of(universe, ["0.attn.q.head1"])
    update(half, some_records(), circuit, steps=1).delta().save(places / "d" / "delta.safetensors")
    code, text = run("apply", places / "half", places / "d", "--out", places / "new")
    assert code == 0, text
    assert load(places / "new").hf.dtype == torch.float32


def test_combined_deltas_do_what_each_does(places, run):
    out = places / "both.safetensors"
    code, text = run("combine", places / "a", places / "b", "--out", out)
    assert code == 0 and f"written: {out}" in text, text
    code, text = run("apply", places / "model", out, "--out", places / "new")
    assert code == 0, text
    one, other, both = (load(places / "model").hf.state_dict() for _ in range(3))
    one = Delta.load(places / "a").apply(load(places / "model")).hf.state_dict()
    other = Delta.load(places / "b").apply(load(places / "model")).hf.state_dict()
    both, base = load(places / "new").hf.state_dict(), load(places / "model").hf.state_dict()
    for name, tensor in both.items():
        assert torch.equal(tensor, torch.where(one[name] != base[name], one[name], other[name]))
    code, text = run("info", out)
    assert code == 0 and "2 query heads" in text and "not known" in text, text


def test_what_does_not_fit_is_one_line_and_code_2(places, run):
    a, model, new = places / "a", places / "model", places / "new"
    run("apply", model, a, "--out", new)
    (places / "empty").mkdir()
    for arguments, told in (
        (("apply", new, a, "--out", places / "twice"), "has this delta already"),
        (("revert", model, a, "--out", places / "none"), "nothing to revert"),
        (("apply", new, places / "b", "--out", places / "none"), "other weights"),
        (("apply", model, a, "--out", model), "the model itself"),
        (("apply", model, places / "empty", "--out", places / "none"), "holds no delta"),
        (("info", model / "model.safetensors"), "holds no delta"),
        (("combine", a, a, "--out", places / "c.safetensors"), "the deltas overlap in rows 4-7"),
        (("combine", a, "--out", a / "delta.safetensors" / "x"), "cannot write"),
    ):
        code, text = run(*arguments)
        assert code == 2 and told in text.replace("\n", " "), (arguments, text)
        assert "Traceback" not in text
    assert not (places / "none").exists() and not (places / "twice").exists()
