from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.errors import CorpusError
from tapeout.sparse import Mixture, TokenFile, held_out, write_tokens


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[TokenFile, TokenFile]:
    """Real tokens rise from 1 on; synthetic ones are all 900."""
    folder = tmp_path_factory.mktemp("files")
    real = write_tokens(folder / "real", [list(range(1, 200))], end=0, vocabulary=1000)
    return real, write_tokens(folder / "programs", [[900] * 30] * 4, end=900, vocabulary=1000)


@given(st.integers(0, 50), st.integers(0, 1000), st.floats(0, 1), st.integers(1, 20))
def test_windows(files: Any, seed: int, step: int, share: float, batch: int):
    real, programs = files
    mixture = Mixture(text=real, programs=programs, share=share, length=9, batch=batch, seed=seed)
    rows = mixture.at(step)
    assert rows.shape == (batch, 9) and rows.dtype == torch.int64
    assert torch.equal(rows, mixture.at(step))
    synthetic = (rows == 900).all(dim=1)
    assert (rows[~synthetic, 1:] - rows[~synthetic, :-1]).sub(1).abs().le(201).all()
    assert abs(int(synthetic.sum()) - share * batch) < 1
    assert synthetic.tolist() == sorted(synthetic.tolist())


@given(st.floats(0, 1), st.integers(1, 9), st.integers(1, 40))
def test_the_share_is_kept_over_all_steps(files: Any, share: float, batch: int, steps: int):
    mixture = Mixture(text=files[0], programs=files[1], share=share, length=2, batch=batch)
    synthetic = sum(int((mixture.at(step)[:, 0] == 900).sum()) for step in range(steps))
    assert abs(synthetic - share * batch * steps) < 1


def test_seeds_and_steps_differ_and_every_place_is_reached(files: Any):
    one, other = (Mixture(text=files[0], length=5, batch=64, seed=seed) for seed in (0, 1))
    assert not torch.equal(one.at(0), other.at(0))
    assert not torch.equal(one.at(0), one.at(1))
    starts = {int(row[0]) for step in range(60) for row in one.at(step)}
    assert starts == set(range(197))


def test_held_out_windows_stand_apart(files: Any):
    windows = held_out(files[0], length=20, n=4)
    assert windows[:, 0].tolist() == [0, 60, 120, 181]
    assert held_out(files[0], length=20, n=99).shape == (10, 20)
    assert held_out(files[0], length=201, n=1).shape == (1, 201)
    assert windows.unique(dim=0).shape[0] == 4
    with pytest.raises(CorpusError, match="has 201 tokens, fewer than a window of 202"):
        held_out(files[0], length=202, n=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 1.5}, "share must lie between 0 and 1"),
        ({"share": 0.5, "programs": None}, "a share of 0.5 needs a file of programs"),
        ({"length": 1}, "2 tokens or more, not 16 of 1"),
        ({"batch": 0}, "1 window or more"),
        ({"length": 150}, "programs has 125 tokens, fewer than a window of 150"),
    ],
)
def test_errors(files: Any, options: dict[str, Any], message: str):
    with pytest.raises(CorpusError, match=message):
        Mixture(**{"text": files[0], "programs": files[1], "length": 9, **options})


def test_other_tokenizers(files: Any, tmp_path: Path):
    other = write_tokens(tmp_path / "x", [[1] * 99], end=0, vocabulary=9, tokenizer="another")
    with pytest.raises(CorpusError, match="made with different tokenizers"):
        Mixture(text=files[0], programs=other, length=9)
