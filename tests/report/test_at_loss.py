import math

import pytest

from tapeout.report import size_ratio, sizes_at_loss


def row(task: str, seed: int, edges: int, loss: float = 0.1) -> dict[str, object]:
    return {"task": task, "seed": seed, "edges": edges, "target_loss": loss}


def test_a_size_is_the_geometric_mean_over_seeds_of_the_smallest_of_each():
    rows = [row("a", 0, 4), row("a", 0, 2), row("a", 1, 8), row("a", 0, 5, loss=0.3)]
    found = sizes_at_loss({"one": rows}, "edges")
    assert list(found) == [0.1, 0.3]
    assert found[0.1] == {"one": {"a": pytest.approx(4)}}


def test_a_task_counts_where_every_seed_reaches_the_loss():
    models = {"one": [row("a", 0, 2), row("a", 1, 2), row("b", 0, 9)], "two": [row("a", 0, 50)]}
    found = sizes_at_loss(models, "edges")[0.1]
    assert found == {"one": {"a": pytest.approx(2)}, "two": {}}
    count, ratio = size_ratio(found, "two", "one")
    assert count == 0 and math.isnan(ratio)


def test_the_ratio_is_over_tasks_of_both_and_no_node_counts_as_one():
    large = [row("a", 0, 20), row("b", 0, 5), row("c", 0, 1000)]
    small = [row("a", 0, 5), row("b", 0, 0)]
    found = sizes_at_loss({"large": large, "small": small}, "edges")[0.1]
    assert size_ratio(found, "large", "small") == (2, pytest.approx(math.sqrt(4 * 5)))
