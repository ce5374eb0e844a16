from itertools import pairwise

import numpy as np
import pytest
import torch

from tapeout.sparse import _bigrams, write_tokens
from tapeout.sparse._bigrams import bigram_logits


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 5, size=37).tolist() for _ in range(9)]
    return write_tokens(tmp_path / "t", documents, end=5, vocabulary=7)


def test_every_row_is_a_distribution_with_what_was_counted(file):
    ids = file.window(0, len(file)).tolist()
    table = bigram_logits(file, smoothing=1e-9)
    assert torch.allclose(table.exp().sum(dim=1), torch.ones(7), atol=1e-5)
    pairs = list(pairwise(ids))
    first = sum(a == 2 for a, _ in pairs)
    assert table[2, 3].exp() == pytest.approx(pairs.count((2, 3)) / first, rel=1e-4)
    assert table[6].exp().argmax() != 6 and torch.isfinite(table).all()  # 6 is never seen


def test_chunks_count_as_one_piece_does(file, monkeypatch):
    whole = bigram_logits(file)
    for chunk in (1, 10, len(file) - 1, len(file)):
        monkeypatch.setattr(_bigrams, "CHUNK", chunk)
        assert torch.equal(bigram_logits(file), whole)
