import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tapeout.errors import ModelError, RunError
from tapeout.sparse import SparseTraining, train_sparse
from tapeout.sparse._gated import GatedTrainer
from tapeout.sparse._trainer import SparseTrainer

from .small import Counting, small

CONFIG = SparseTraining(steps=40, density=0.25, floor=1, learning_rate=1e-2, save_every=7)
GATED = replace(CONFIG, method="hard-concrete", penalty=20.0, gate_rate=0.05)


def weights(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.values(), two.values(), strict=True))


def test_it_learns_and_ends_as_sparse_as_it_was_asked_to():
    start = small()
    before = weights(start)
    config = replace(CONFIG, steps=300)
    found = train_sparse(start, Counting(), config, validation=Counting(rows=24).at(10**6))
    assert same(weights(start), before) and not found.model.training
    assert found.curve[-1]["validation"] < 0.5 * found.curve[0]["loss"]
    assert found.asked == 0.25 < found.counts.density < 0.3  # a floor of 1 adds a few
    assert found.curve[0]["density"] > 0.9 and found.curve[-1]["density"] == 0.25


def test_the_dense_twin_loses_no_weight():
    found = train_sparse(small(kept_share=1.0), Counting(), replace(CONFIG, density=1.0))
    assert found.counts.density == 1


@pytest.mark.parametrize(("how", "moved"), [("normalised", True), ("clipped", False)])
def test_a_clip_at_one_never_acts_on_a_mean_loss(how, moved):
    config = replace(CONFIG, steps=20, density=1.0, gradient=how)
    found = train_sparse(small(), Counting(), config)
    assert max(entry["rms"] for entry in found.curve) < 1
    free = train_sparse(small(), Counting(), replace(config, gradient="free"))
    assert same(weights(found.model), weights(free.model)) is not moved


def test_gates_on_weights_close_as_far_as_they_are_asked_to():
    held = Counting(rows=24).at(10**6)
    found = train_sparse(small(), Counting(), replace(GATED, steps=300), validation=held)
    assert found.curve[-1]["validation"] < 0.5 * found.curve[0]["loss"]
    assert found.curve[0]["density"] > 0.5 and found.curve[-1]["density"] < 0.26
    # what is counted is what is measured: the weights that came out, without noise
    assert 0.03 < found.counts.density < 0.3
    out = SparseTrainer(found.model, Counting(), CONFIG, held)
    assert abs(out.validate() - found.curve[-1]["validation"]) < 1e-5


@pytest.mark.parametrize(("kind", "config"), [(SparseTrainer, CONFIG), (GatedTrainer, GATED)])
def test_a_killed_training_goes_on_bit_for_bit(tmp_path, kind, config):
    whole = train_sparse(small(), Counting(), config, validation=Counting().at(99))
    trainer = kind(small(), Counting(), config, Counting().at(99))
    for _ in range(17):
        trainer.update()
    trainer.save(tmp_path / "training")
    done = []
    resumed = train_sparse(
        small(seed=1),
        Counting(),
        config,
        validation=Counting().at(99),
        checkpoint=tmp_path / "training",
        progress=lambda step, _, **numbers: done.append((step, numbers)),
    )
    step, numbers = done[0]
    assert step == 18 and numbers["loss"] == whole.curve[17]["loss"]
    assert numbers["tokens_per_second"] > 0 and 0 < numbers["nonzero"] <= whole.counts.total
    assert same(weights(resumed.model), weights(whole.model))
    assert resumed.curve == whole.curve


def test_bad_input(tmp_path):
    trainer = SparseTrainer(small(), Counting(), CONFIG, None)
    trainer.save(tmp_path / "training")
    with pytest.raises(RunError, match="another training"):
        train_sparse(small(), Counting(length=8), CONFIG, checkpoint=tmp_path / "training")
    with pytest.raises(RunError, match="another training"):
        train_sparse(
            small(), Counting(), replace(CONFIG, steps=41), checkpoint=tmp_path / "training"
        )
    broken = small()
    torch.nn.init.constant_(broken.lm_head.weight, float("nan"))
    with pytest.raises(ModelError, match="the loss is nan at step 0"):
        train_sparse(broken, Counting(), CONFIG)
    for wrong in ({"density": 0.0}, {"density": 1.5}, {"anneal": 2.0}, {"steps": 0}, {"eps": 0.0}):
        with pytest.raises(ModelError):
            SparseTraining(**wrong)


GROUP = """
import sys, json
import torch
from torch import distributed
from tests.sparse.small import Counting, small
from tests.sparse.test_training import CONFIG
from tapeout.sparse import train_sparse
torch.set_num_threads(1)
distributed.init_process_group("gloo")
found = train_sparse(small(), Counting(), CONFIG)
if distributed.get_rank() == 0:
    torch.save({n: w for n, w in found.model.state_dict().items()}, sys.argv[1])
distributed.destroy_process_group()
"""


def test_two_processes_train_as_one_does(tmp_path):
    script, out = tmp_path / "group.py", tmp_path / "weights.pt"
    script.write_text(GROUP)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = str(Path(__file__).parents[2])
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    run += ["--master-port", str(port), str(script), str(out)]
    done = subprocess.run(
        run, env=os.environ | {"PYTHONPATH": root}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    together, alone = torch.load(out), train_sparse(small(), Counting(), CONFIG).model.state_dict()
    for name, weight in alone.items():
        torch.testing.assert_close(together[name], weight, rtol=1e-3, atol=1e-5)
