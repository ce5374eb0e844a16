import json
import math

import sparse_kernels


def test_every_part_is_measured():
    rows = list(sparse_kernels.measured(quick=True))
    assert {row["part"] for row in rows} == {"weights", "activations", "step", "products", "model"}
    assert rows == json.loads(json.dumps(rows, allow_nan=False))
    for row in rows:
        times = [value for key, value in row.items() if key.endswith("_ms")]
        assert len(times) > 1 and all(value >= 0 and math.isfinite(value) for value in times)


def test_the_parts_of_a_step_lie_within_it():
    (row,) = sparse_kernels.steps.rows("cpu", quick=True)
    parts = ("forward", "optimizer", "projection", "backward_and_rest", "abs_topk")
    assert all(0 < row[f"{part}_ms"] < row["step_ms"] for part in parts)
