"""Settings shared by all tests."""

import os

import pytest
import torch
from hypothesis import HealthCheck, settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# so that a stage's numbers can be compared with those of a call to the bit
os.environ.setdefault("TAPEOUT_ONEDNN", "0")
if not torch.cuda.is_available():  # has to be said before Triton is first imported
    os.environ.setdefault("TRITON_INTERPRET", "1")

settings.register_profile(
    "tapeout",
    deadline=None,
    derandomize=True,
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("tapeout")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
