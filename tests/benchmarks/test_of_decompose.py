from of_decompose import rows_of

from ..report import of_directions, samples


def test_rows_are_of_the_gradients_that_they_were_read_from():
    read = {"inputs": {"gradients": "mlp"}}
    stages = {
        "one": {"kind": "decompose", "metrics": of_directions.decompose()} | read,
        "compared": {"kind": "directions", "metrics": of_directions.directions()} | read,
        "text": {"kind": "task", "metrics": {}},
    }
    rows = rows_of(stages)
    assert {row["of"] for row in rows} == {"mlp"}
    parts = [row["part"] for row in rows]
    assert parts == ["learned"] * 2 + ["set"] * 3 + ["example"]
    assert [row["chosen"] for row in rows[:2]] == [True, False]
    learned = rows[2]
    assert learned["name"] == "l3d-1" and learned["error"] == 0.5
    assert learned["below_pca"] == 0.25 and learned["below_pca_low"] == -0.25
    assert learned["effect_ratio"] == 4.0 and learned["kl_active"] is None
    assert rows[-1]["contexts"] == ["a first[ <b>]"]


def test_rows_of_a_tasks_pairs_are_flat():
    frontier = samples.frontier()
    stages = {
        "held": {"kind": "energy", "metrics": of_directions.energy(), "inputs": {"by": "pairs"}},
        "covered": {
            "kind": "coverage",
            "metrics": of_directions.coverage(),
            "inputs": {"by": "pairs"},
        },
        "sizes": {"kind": "frontier", "metrics": frontier, "inputs": {"scores": "held"}},
    }
    held, covered, size = rows_of(stages)
    assert (held["part"], held["of"], held["top_10"]) == ("energy", "pairs", 0.75)
    assert covered["share"] == 0.25 and covered["random_high"] == 0.125
    assert covered["directions"] == 2 and covered["draws"] == 1000
    assert size["of"] == "held" and size["size"] == frontier["smallest"]["size"]
    for row in (held, covered, size):
        assert not any(isinstance(value, dict) for value in row.values())
