"""Methods side by side: one short file becomes a recipe of all tasks by all methods."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..circuits import SIZES
from ..errors import RecipeError, nearest
from ._config import from_dict, read_yaml
from ._recipe import Recipe, parse_recipe
from ._session import Finished
from ._store import SCHEMA_VERSION, write_json

SEEDED = ("mask", "sweep")
"""Kinds of scores that depend on a seed; others run once."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A method in a comparison.

    Attributes:
        scores: a stage that scores (`find`, `mask`, `sweep` or `edges`): its kind and settings.
        circuits: label -> how the circuit is selected, as in a `select` stage. `like` and `rival`
            name another circuit of the comparison as METHOD.LABEL.
    """

    scores: dict[str, Any]
    circuits: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {"kept": {"positive": True}}
    )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Methods by tasks, on one model and under one replacement.

    Attributes:
        name: of the comparison.
        model: an alias, a folder, a `.gguf` file or a hub id.
        tasks: label -> a `task` stage's settings.
        methods: label -> method; a circuit that another one names comes before it.
        replacement: what nodes outside the circuits are given.
        seeds: of methods that have one.
        verify: further settings of the `verify` stages, such as `split` or `random_seeds`.
        reference: a `task` stage's settings, whose reference examples means are taken over; left
            empty, each task's own.
        weights: also count the weights between the nodes of every circuit.
    """

    name: str
    model: str
    tasks: dict[str, dict[str, Any]]
    methods: dict[str, dict[str, Any]]
    replacement: str = "counterfactual"
    seeds: tuple[int, ...] = (0,)
    verify: dict[str, Any] = field(default_factory=dict)
    reference: dict[str, Any] = field(default_factory=dict)
    weights: bool = False

    def contenders(self) -> dict[str, Contender]:
        """The methods, checked.

        Raises:
            RecipeError: a method has an unknown key, or lacks its scores.
        """
        methods = self.methods.items()
        return {label: from_dict(Contender, d, f"method {label!r}") for label, d in methods}


def read_comparison(path: str | Path, *, model: str = "") -> Comparison:
    """Read a comparison's YAML.

    Args:
        path: the file.
        model: take this model in place of the file's.

    Raises:
        RecipeError: no such file, not YAML, or a wrong key or value.
    """
    path = Path(path)
    data = read_yaml(path, "comparison")
    if not isinstance(data, Mapping):
        raise RecipeError(f"{path} needs a model, tasks and methods")
    if "stages" in data:
        raise RecipeError(f"{path} is a recipe of stages: use `tapeout run {path}`")
    changes = {"model": model} if model else {}
    return from_dict(Comparison, {"name": path.stem} | dict(data) | changes, str(path))


def comparison_recipe(comparison: Comparison) -> Recipe:
    """The recipe that runs it: stages TASK, TASK.METHOD.SEED, TASK.METHOD.LABEL.SEED and its proof.

    Raises:
        RecipeError: a wrong key, kind or value; or `like` or `rival` names no earlier circuit.
    """
    stages: dict[str, Any] = {"model": {"kind": "load", "source": comparison.model}}
    means = "mean" in json.dumps([comparison.methods, comparison.replacement])
    if comparison.reference:
        stages["reference"] = {"kind": "task"} | comparison.reference
        stages["means"] = {"kind": "means", "task": "reference"} | _sites(comparison)
    for task, settings in comparison.tasks.items():
        stages[task] = {"kind": "task"} | ({"name": task} | settings)
        if means and not comparison.reference:
            stages[f"{task}.means"] = {"kind": "means"} | _sites(comparison)
        for method, contender in comparison.contenders().items():
            for seed in comparison.seeds if _seeded(contender) else comparison.seeds[:1]:
                _add(stages, comparison, task, method, contender, seed)
    return parse_recipe({"name": comparison.name, "stages": stages})


def comparison_rows(
    comparison: Comparison, finished: Mapping[str, Finished]
) -> list[dict[str, Any]]:
    """One flat row for every circuit that has been proved."""
    rows: list[dict[str, Any]] = []
    for task in comparison.tasks:
        for method, contender in comparison.contenders().items():
            for seed in comparison.seeds if _seeded(contender) else comparison.seeds[:1]:
                for label in contender.circuits:
                    place = f"{task}.{method}.{label}.{seed}"
                    if f"{place}.proof" in finished:
                        scores, circuit = finished[f"{task}.{method}.{seed}"], finished[place]
                        about = {"task": task, "method": method, "circuit": label, "seed": seed}
                        proof = finished[f"{place}.proof"]
                        row = about | _row(scores, circuit, proof) | _losses(circuit, proof)
                        if f"{place}.weights" in finished:
                            found = finished[f"{place}.weights"].metrics
                            row |= {size: found[size] for size in SIZES}
                        rows.append(row)
    return rows


def write_comparison(
    out: Path, name: str, rows: list[dict[str, Any]], unreached: Mapping[str, str]
) -> Path:
    """Write `comparison.json` into a run's folder.

    Args:
        rows: of `comparison_rows`.
        unreached: as `run_recipe` fills it: stages that asked too much of the model, and why.
    """
    path = out / "comparison.json"
    found = {"name": name, "rows": rows, "unreached": dict(unreached)}
    write_json(path, {"schema_version": SCHEMA_VERSION} | found)
    return path


def _seeded(contender: Contender) -> bool:
    return contender.scores.get("kind") in SEEDED


def _sites(comparison: Comparison) -> dict[str, str]:
    """Means over all sites that some method masks."""
    given = [m["scores"].get("universe") for m in comparison.methods.values() if "scores" in m]
    parts = sorted({part.strip() for words in given if words for part in words.split(",")})
    return {"universe": ",".join(parts)} if parts else {}


def _add(
    stages: dict[str, Any],
    comparison: Comparison,
    task: str,
    method: str,
    contender: Contender,
    seed: int,
) -> None:
    scored = f"{task}.{method}.{seed}"
    own = {"seed": seed} if _seeded(contender) else {}
    stages[scored] = {"task": task} | own | contender.scores
    for label, settings in contender.circuits.items():
        place = f"{task}.{method}.{label}.{seed}"
        chosen = {"kind": "select", "scores": scored, "task": task} | settings
        chosen.setdefault("replacement", comparison.replacement)
        for key in ("like", "rival"):
            if key in chosen:
                chosen[key] = _circuit(stages, f"{task}.{chosen[key]}", seed, comparison.seeds[0])
        stages[place] = chosen
        proof = {"kind": "verify", "task": task, "circuit": place}
        stages[f"{place}.proof"] = proof | comparison.verify
        if comparison.weights:
            stages[f"{place}.weights"] = {"kind": "weight_edges", "task": task, "circuit": place}


def _circuit(stages: Mapping[str, Any], place: str, seed: int, first: int) -> str:
    """The circuit of that name and seed, or of the first seed if its method has one only."""
    for name in (f"{place}.{seed}", f"{place}.{first}"):
        if name in stages:
            return name
    known = {n.rpartition(".")[0] for n, s in stages.items() if s["kind"] == "select"}
    raise RecipeError(f"no earlier circuit {place!r}: {nearest(place, sorted(known))}")


def _losses(circuit: Finished, proof: Finished) -> dict[str, Any]:
    """The loss that a circuit was sized to, and its own on the proof's split, calibrated or not."""
    row: dict[str, Any] = {}
    if "loss" in circuit.metrics:
        row["target_loss"] = circuit.metrics["loss"]["bar"]
    if "calibration" in proof.metrics:
        both = proof.metrics["calibration"]["loss"]
        row |= {"loss": both["with"]["value"], "loss_uncalibrated": both["without"]["value"]}
    return row


def _row(scores: Finished, circuit: Finished, proof: Finished) -> dict[str, Any]:
    found, sizes = proof.metrics, circuit.metrics
    metric, values = next(iter(found["metrics"].items()))
    kept = {
        f"{part}{suffix}": sizes["counts"][part][key] if sizes["counts"][part] else None
        for part in ("heads", "mlps", "edges")
        for suffix, key in (("", "kept"), ("_total", "total"))
    }
    return {
        "split": found["split"],
        "n": found["n"],
        "replacement": found["replacement"],
        "kl": found["kl"]["value"],
        "kl_low": found["kl"]["low"],
        "kl_high": found["kl"]["high"],
        "metric_name": metric,
        "metric": values["circuit"]["value"],
        "full_metric": values["full"]["value"],
        "faithfulness": values["faithfulness"],
        "recovery": found["relative"],
        "accuracy": found["autoregressive"]["value"],
        "full_accuracy": found["full"]["value"],
        "necessity": found["necessity"]["value"],
        "empty": found["empty"]["value"],
        "random": max((share["value"] for share in found["random"]), default=None),
        "size": sizes["size"],
        "share": sizes["share"],
        **kept,
        **{f"kept {part}": count["kept"] for part, count in sizes["by_part"].items()},
        "seconds": round(scores.seconds + circuit.seconds, 1),
        "peak_mb": round(scores.peak_mb),
    }
