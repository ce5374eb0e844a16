"""Moments of nodes, against all activations at once."""

import pytest
import torch

from tapeout.errors import TaskError
from tapeout.interventions import record
from tapeout.models import Model
from tapeout.verify.nodes import activity

from ...tiny import tiny_hf
from ...words import word_task, word_tokenizer


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(tiny_hf("weight_sparse"), word_tokenizer(), name="words")


def test_moments_are_those_of_all_tokens_but_the_first(model: Model):
    split = word_task(n=9).test
    found = activity(model, split, "mlp.post_act, attn.k:channel", batch_size=4)
    rows: dict[tuple[int, str], list[torch.Tensor]] = {where: [] for where in found.mean}
    for batch in split.batches(1):
        for where, x in record(model, batch.tokens, rows).items():
            rows[where].append(x[0, 1:])
    for where, parts in rows.items():
        x = torch.cat(parts).double()
        assert len(x) == found.tokens
        off = x - x.mean(dim=0)
        variance = off.pow(2).mean(dim=0)
        varies = found.deviation[where] > 0
        assert bool((variance[~varies] < 1e-9).all())
        assert bool(found.kurtosis[where][~varies].isnan().all())
        close(found.mean[where], x.mean(dim=0))
        close(found.deviation[where][varies], variance[varies].sqrt())
        close(found.kurtosis[where][varies], (off.pow(4).mean(dim=0) / variance**2)[varies])


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-3)


def test_a_spike_has_a_large_kurtosis(model: Model):
    from tapeout.verify.nodes._activity import _central

    x = torch.zeros(100, 2, dtype=torch.float64)
    x[0, 0], x[:50, 1] = 1, 1
    raw = torch.stack([(x - x[0]).pow(power).mean(dim=0) for power in range(1, 5)])
    mean, deviation, kurtosis = _central(raw, x[0])
    assert mean.tolist() == pytest.approx([0.01, 0.5])
    assert deviation.tolist() == pytest.approx([0.0995, 0.5], rel=1e-3)
    assert kurtosis.tolist() == pytest.approx([98.01, 1.0], rel=1e-3)


def test_first_tokens_alone_tell_nothing(model: Model):
    split = word_task(n=3).test
    for item in split.encoded:
        item.prompt[:] = item.prompt[:1]
    with pytest.raises(TaskError, match="longer texts"):
        activity(model, split, "mlp.post_act")
