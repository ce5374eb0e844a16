"""Stages of conditioning, amplification and decomposition, as runs leave them, without a model."""

import json
from typing import Any

import numpy as np
import torch

from tapeout.decompose import L3D, Decomposition, Directions

from .. import of_directions, samples
from ..samples import Json, average, share, stage
from .folders import Folder

SHAPES = {"net.up.weight": (90, 4), "net.down.weight": (4, 6), "net.down.bias": (4,)}
COUNT = 30


def energy(part: float) -> Json:
    rows = [
        {
            "layer": layer,
            "stratum": stratum,
            "value": value,
            "n": 5,
            "kept": 2,
            "channels": 8,
            "kept_activity": part * (layer + 1),
            "activity": 4.0,
            "kept_write": 1.0,
            "write": 0.0 if layer else 4.0,
        }
        for stratum, value in (("all", "all"), ("carry", "one"))
        for layer in (0, 1)
    ]
    return {"model": "m", "split": "addition/test", "n": 40, "rows": rows}


def conditioned(folder: Folder) -> None:
    """A base and two conditioned models: frontiers, merge scales, an audit, a matrix."""
    about = {"universe": "mlp.post_act:channel"}
    folder.stages["base"] = stage("load")
    for name, metrics in (("soft", samples.condition()), ("hard", _swept())):
        folder.stages[name] = stage("condition", metrics, inputs={"model": "base"})
    for model, right in (("base", 4), ("hard", 17)):
        folder.stages[f"{model} scores"] = stage("find", samples.find() | about)
        points = [(0, 0), (10, right), (25, 19), (100, 20)]
        inputs = {"model": model, "scores": f"{model} scores"}
        found = samples.frontier(points, smallest=25)
        folder.stages[f"{model} sizes"] = stage("frontier", found, inputs=inputs)
    folder.stages["audit"] = stage(
        "audit",
        {"split": "addition/test", "n": 40, "energy": energy(1.0), "base_energy": energy(0.5)},
        inputs={"model": "hard", "base": "base", "circuit": "small"},
    )
    folder.stages["matrix"] = stage("transfer", samples.transfer())


def _swept() -> Json:
    found = samples.condition()
    points = found["sweep"]["points"]
    found["sweep"]["points"] = [points[0] | {"scale": scale} for scale in (0.25, 0.5, 1.0)]
    return found


def amplified(folder: Folder, texts: list[str], pairs: int = 5) -> None:
    """Pairs with these texts in turn, components, and two arms beside a base."""
    metrics = {"split": "problems/train", "method": "branching", "n": pairs}
    counts = dict.fromkeys(("problems", "greedy_right", "pairs_greedy_right"), 3)
    metrics["counts"] = counts | {"pairs_greedy_wrong": 2}
    folder.stages["pivots"] = stage("pivots", metrics)
    rows = [_pair(n, texts[n % len(texts)]) for n in range(pairs)]
    lines = "\n".join(json.dumps(row) for row in rows)
    (folder.place("pivots") / "texts.jsonl").write_text(lines + "\n", encoding="utf-8")
    rises = {name: average(float(n)) for n, name in enumerate(("base", "rise", "random"))}
    evidence = rises | {"over_random": average(0.75), "n": 12, "split": "pairs (test)"}
    chosen = samples.select() | {"penalty": 0.01, "evidence": evidence, "mlp_neurons": 20}
    folder.stages["components"] = stage("localise", chosen)
    folder.stages["better"] = stage("amplify", _update(), inputs={"circuit": "components"})
    folder.stages["all"] = stage("amplify", _update())
    folder.stages["before"] = stage("solve", _solved(20))
    for model, right in (("better", 26), ("all", 22)):
        gain = average(0.5) | {"value": (right - 20) / 40, "p": 0.03}
        found = _solved(right) | {"gain": {"by_problem": gain}}
        inputs = {"model": model, "against": "before"}
        folder.stages[f"{model} solves"] = stage("solve", found, inputs=inputs)


def _pair(n: int, text: str) -> Json:
    parts = {"before": f"{text} so ", "sampled": " 4", "greedy": " 5", "after": "\nis it."}
    problem = {"template_id": f"of {n}", "instance_id": n, "answer": str(n)}
    question = {"question": f"{n}: {text}?", "greedy_right": n % 2 == 0}
    return parts | problem | question | {"greedy_trace": f"{text} at last"}


def _solved(right: int) -> Json:
    return {"split": "problems/test", "accuracy": share(right, 40), "answered": share(40, 40)}


def _update() -> Json:
    return samples.load() | {"n": 8, "step": 4, "base_score": 0.5, "score": 0.75, "others": {}}


def decomposed(folder: Folder, name: str = "learned", count: int = COUNT) -> Decomposition:
    """Directions of a small net, with what was found of two of them."""
    generator = torch.Generator().manual_seed(0)
    directions = Directions.random(SHAPES, count, {"net.up.weight": 2}, generator)
    activity = torch.linspace(0.5, 0.0, count)
    found = Decomposition(
        config=L3D(count=count, active=0.1),
        decoder=directions,
        encoder=directions,
        activity=activity,
        train_error=0.5,
    )
    found.save(folder.place(name))
    folder.stages[name] = stage("decompose", of_directions.decompose())
    compared = of_directions.directions()
    compared["sets"][0]["specificity"]["rows"] = [_effect(3, 0.02), _effect(17, 0.01)]
    compared["sets"][1]["specificity"]["rows"] = [_effect(0, 0.001)]
    inputs = {"decompositions.0": name}
    folder.stages["compared"] = stage("directions", compared, inputs=inputs)
    return found


def _effect(direction: int, active: float) -> dict[str, Any]:
    steps = [{"moved": m, "active": active * m, "rest": 0.002 * m} for m in (0.5, 1.0, 2.0)]
    return {"direction": direction, "samples": 9, "steps": steps} | steps[-1]


def dense(found: Decomposition, name: str, direction: int) -> np.ndarray:
    """A direction's part of a tensor, by the room that learned it."""
    return found.decoder.dense(direction)[name].numpy()
