import sys

import pytest

from tapeout.memory import peak_mb, reset_peak


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can forget an earlier peak")
def test_a_peak_is_of_the_work_since_the_reset():
    block = bytearray(b"x" * (96 << 20))
    held = peak_mb()
    del block
    reset_peak()
    free = peak_mb()
    assert held - free > 60
    block = bytearray(b"x" * (96 << 20))
    assert peak_mb() - free > 60 and block
