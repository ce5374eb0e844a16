from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import AdamW

from tapeout.checkpoint import resume_training, save_training, train
from tapeout.errors import RunError

MARKS = {"betas": (0.9, 0.95), "seed": 1}


class Halving:
    """A training of one vector towards 0."""

    def __init__(self, size: int = 3) -> None:
        self.value = nn.Parameter(torch.arange(1.0, size + 1))
        self.optimizer, self.step = AdamW([self.value], lr=0.1), 0
        self.marks: dict[str, Any] = dict(MARKS)

    def update(self) -> None:
        self.optimizer.zero_grad()
        self.value.square().sum().backward()
        self.optimizer.step()
        self.step += 1

    def save(self, path: Path) -> None:
        plain = {"step": self.step}
        save_training(path, {"value": self.value}, plain, self.optimizer, marks=self.marks)

    def resume(self, path: Path) -> None:
        own = {"value": self.value}
        self.step = resume_training(path, own, self.optimizer, marks=self.marks)["step"]


def trained(training: Halving, steps: int, path: Path | None = None) -> Halving:
    train(training, steps, checkpoint=path, save_every=2, progress=None)
    return training


def test_a_training_goes_on_where_it_stopped(tmp_path: Path):
    whole = trained(Halving(), 7)
    trained(Halving(), 5, tmp_path / "own")  # saved at 4
    resumed = trained(Halving(), 7, tmp_path / "own")
    assert resumed.step == 7 and torch.equal(resumed.value, whole.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own"]


@pytest.mark.parametrize("marks", [{"seed": 1}, {**MARKS, "seed": 2}, {**MARKS, "more": None}])
def test_another_training_is_left_alone(tmp_path: Path, marks: dict[str, Any]):
    trained(Halving(), 4, tmp_path / "own")
    other = Halving()
    other.marks = marks
    before = other.value.detach().clone()
    with pytest.raises(RunError, match="of another training: use another file"):
        other.resume(tmp_path / "own")
    assert torch.equal(other.value, before) and not other.optimizer.state
    with pytest.raises(RunError, match="of another training"):
        Halving(size=4).resume(tmp_path / "own")


def test_a_torn_file(tmp_path: Path):
    trained(Halving(), 4, tmp_path / "own")
    whole = (tmp_path / "own").read_bytes()
    for torn in (b"", whole[:9], whole[:-1]):
        (tmp_path / "own").write_bytes(torn)
        with pytest.raises(RunError, match=r"is damaged: .* Delete it"):
            Halving().resume(tmp_path / "own")
