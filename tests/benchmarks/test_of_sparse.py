import pytest
from of_sparse import losses, ratios, smallest


def row(task: str, method: str, seed: int, nodes: int, **more: object) -> dict[str, object]:
    counts = {"edges": 2 * nodes, "edges_embedding": 1, "edges_unembedding": 1, "biases": 0}
    measured = {"split": "t/test", "n": 9, "replacement": "mean", "loss": 0.1}
    about = {"task": task, "method": method, "seed": seed, "nodes": nodes, "target_loss": 0.15}
    return about | counts | measured | {"loss_uncalibrated": 0.2} | more


def test_the_penalty_with_the_fewest_nodes_counts():
    rows = [row("a", "light", 0, 30), row("a", "heavy", 0, 20), row("a", "attribution", 0, 10)]
    assert [(r["method"], r["nodes"]) for r in smallest(rows)] == [
        ("heaviside-pruning", 20),
        ("attribution", 10),
    ]


def test_ratio_over_the_tasks_that_both_reach_with_every_seed():
    rows = []
    for model, factor in (("sparse", 1), ("dense", 4)):
        found = [row("a", "light", 0, 10 * factor), row("a", "light", 1, 40 * factor)]
        found.append(row("b", "light", 0, 10 * factor**2))
        found += [row("b", "light", 1, 10 * factor**2)] if factor == 4 else []
        rows += [{"model": model} | r for r in smallest(found)]
    found = ratios([*rows, {"part": "model", "model": "sparse"}])
    assert [(r["size"], r["target_loss"], r["tasks"]) for r in found] == [
        ("nodes", 0.15, 1),
        ("edges", 0.15, 1),
    ]
    assert [r["ratio"] for r in found] == pytest.approx([4, 4])


def test_the_loss_is_that_of_the_mixture_it_was_trained_on():
    measured = {"validation_loss": 3.0, "validation_loss_programs": 5.0}
    found = losses({"metrics": measured, "settings": {"programs": 0.25}})
    assert found == {"validation_loss": 3.5, "validation_loss_code": 3.0}
