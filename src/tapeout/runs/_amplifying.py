"""The recipe that the command `amplify` stands for."""

from pathlib import Path
from typing import Any

from ..errors import RecipeError


def amplify_recipe(
    model: str,
    problems: str = "word-problems",
    *,
    options: dict[str, Any] | None = None,
    method: str = "branching",
    pairs: int = 400,
    rates: tuple[float, ...] = (1e-2, 1e-3),
    steps: int = 50,
    limit: int = 256,
    seed: int = 0,
    control: bool = True,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """From a model and problems to a model that solves more of them, and to what that cost.

    Args:
        model: an alias, a folder, a `.gguf` file or a hub id.
        problems: `word-problems`, or a JSONL file of questions and answers as GSM8K's.
        options: further keys of the problems.
        method: how pivotal tokens are found, `branching` or `prefix`.
        pairs: how many at most.
        rates: learning rates to choose from on the validation split.
        steps: of the update.
        limit: most tokens of a solution.
        seed: of problems, samples, masks and steps.
        control: also update as many random components, to compare with.
        settings: further keys of the `amplify` stages.

    Raises:
        RecipeError: there are no such problems.
    """
    stages: dict[str, Any] = {"model": {"kind": "load", "source": model, "dtype": "float32"}}
    stages["problems"] = _problems(problems, (options or {}) | {"seed": seed})
    stages["text"] = {"kind": "task", "name": "text", "minimum": 0.0, "n": 100}
    stages["before"] = {"kind": "solve", "model": "model", "limit": limit}
    found = {"method": method, "pairs": pairs, "limit": limit, "seed": seed}
    stages["pivots"] = {"kind": "pivots", "model": "model"} | found
    stages["components"] = {"kind": "localise", "model": "model", "seed": seed}
    update: dict[str, Any] = {
        "kind": "amplify",
        "model": "model",
        "watched": ["text"],
        "rates": list(rates),
        "steps": steps,
        "limit": limit,
        "seed": seed,
        **(settings or {}),
    }
    circuits = {"amplified": "components"}
    if control:
        stages["random-components"] = {"kind": "random", "circuit": "components", "seed": seed}
        circuits["control"] = "random-components"
    for name, circuit in circuits.items():
        stages[name] = update | {"circuit": circuit}
        solved = {"kind": "solve", "model": name, "limit": limit, "against": "before"}
        stages[f"{name}-solves"] = solved
    return {"name": f"{Path(model).stem}-{Path(problems).stem}-amplified", "stages": stages}


def _problems(name: str, options: dict[str, Any]) -> dict[str, Any]:
    if not name.endswith(".jsonl"):
        return {"kind": "problems", "name": name, "options": options}
    path = Path(name).resolve()
    if not path.is_file():
        raise RecipeError(f"there is no file {name}")
    return {"kind": "problems", "name": "gsm8k", "options": options | {"path": str(path)}}
