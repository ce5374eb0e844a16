"""Metrics of stages about directions, as runs write them."""

from .samples import Json, average, condition, load


def decompose() -> Json:
    row = {"validation_error": 0.71, "train_error": 0.69, "dead": 3}
    return row | {
        "count": 200,
        "active": 0.1,
        "ranks": {"up": 1, "down": 2},
        "seed": 1,
        "n": 3000,
        "validation_n": 500,
        "chosen": {"learning_rate": 0.01},
        "tried": [
            row | {"learning_rate": 0.01},
            row | {"learning_rate": 0.1, "validation_error": 0.9},
        ],
    }


def directions() -> Json:
    def one(name: str, error: float, ratio: float) -> Json:
        parts = {"error": error, "fitted": error - 0.0625, "below_pca": 0.75 - error}
        specific = {"left_out": 2, "rows": [], "ratio": average(ratio), "moved": 0.005}
        parts["fitted_below_pca"] = 0.0
        own = {"name": name, "numbers": 6336, "unused": 4, "specificity": specific}
        return own | {key: average(value) for key, value in parts.items()}

    context = {"before": "a first", "token": " <b>", "after": "", "impact": 0.5}
    ends = {"up": [{"token": " the", "slope": 0.25}], "down": [{"token": "\n", "slope": -0.5}]}
    return {
        "split": "text/test",
        "n": 500,
        "train_n": 3000,
        "parameters": {"up": [8, 4], "down": [4, 8]},
        "count": 200,
        "active": 0.1,
        "ranks": {"up": 1, "down": 2},
        "per_sample": True,
        "window": 8,
        "references": 3,
        "effect": 0.01,
        "sets": [one("l3d-1", 0.5, 4.0), one("random", 1.0, 1.0), one("pca", 0.75, 2.0)],
        "examples": [{"direction": 17, "used": 0.25, "contexts": [context]} | ends],
    }


def energy() -> Json:
    return {
        "method": "directions",
        "directions": [4, 17],
        "parameters": ["model.layers.1.mlp.down_proj.weight"],
        "outside": 0.125,
        "universe": "mlp.post_act:channel",
        "nodes": 100,
        "top": {"1": 0.25, "10": 0.75},
        "strongest": [{"node": "1.mlp.post_act.5", "energy": 0.21875}],
    }


def coverage() -> Json:
    rows = [{"direction": place, "in_play": 0.75, "share": 0.25} for place in (4, 17)]
    return {
        "task": "ioi",
        "universe": "mlp.post_act:channel",
        "size": 25,
        "nodes": 100,
        "share": {"value": 0.25, "low": 0.125, "high": 0.375, "n": 2},
        "random": {"value": 0.0625, "low": 0.03125, "high": 0.125, "n": 1000},
        "above": 0.002,
        "left_out": 1,
        "rows": rows,
    }


def span() -> Json:
    kept = condition()
    return load() | {
        "source": "smollm2, tuned in a span",
        "scale": 1.0,
        "directions": [4, 17],
        "amounts": [0.5, -0.25],
        "change_norm": 0.75,
        "moved": 0.0125,
        "train": "ioi/train",
        "n": 40,
        "steps": 200,
        "curve": [{"step": 1.0, "loss": 2.0, "moved": 0.0}],
        "on_task": kept["on_task"],
        "others": kept["others"],
    }


def toy() -> Json:
    return {
        "toy": "tms",
        "divergence": "mse",
        "count": 5,
        "n": 4000,
        "error": 0.125,
        "dead": 0,
        "measures": {"found": 5, "groups": 5, "mmcs": 0.996},
    }
