"""The command about directions in parameter space: decompose."""

from pathlib import Path
from typing import Literal

from ._app import Positional, app, run_and_show, say_next


@app.command(name="decompose")
def decompose(
    model: Positional[str],
    /,
    *,
    parameters: tuple[str, ...],
    directions: int = 200,
    rank: int = 1,
    active: float = 0.1,
    task: str = "",
    n: int | None = None,
    most: int = 10,
    universe: str = "mlp.post_act,attn.z:head",
    text: str = "docstrings",
    windows: int = 2000,
    length: int = 8,
    samples: Literal["last", "token", "row"] = "last",
    divergence: Literal["kl", "mse", "public-code"] = "kl",
    steps: int = 2000,
    batch_size: int = 64,
    learning_rate: float = 0.01,
    seeds: tuple[int, ...] = (0,),
    out: Path | None = None,
) -> None:
    """Find directions in MODEL's parameters that few samples use at a time.

    Of text, where they are put beside random, singular and principal directions on text that none
    has seen; or of a task's prompts against their counterfactuals, where the nodes that hold the
    directions' energy are proved as a circuit. MODEL itself is not changed.

    Args:
        model: An alias (smollm2), a folder, a .gguf file or a Hugging Face id.
        parameters: Names or globs, such as "model.layers.15.mlp.*.weight".
        directions: How many.
        rank: Of a direction's part of every tensor.
        active: The share of directions that a sample uses, on average.
        task: A built-in task or a JSONL file with counterfactuals, instead of text.
        n: Examples of the task to learn from, and to test on.
        most: Directions whose nodes are looked for, those that bear most on the task; 0 for all.
        universe: The task's nodes in play, heads and MLP channels.
        text: `docstrings`, `code`, or a text file.
        windows: Windows of text to learn from; a quarter as many to choose on, and to test on.
        length: Tokens of a window.
        samples: What a sample is: a window's last prediction, each of them, or the window.
        divergence: Of what the model says of a sample from what it says of another.
        steps: Updates.
        batch_size: Samples of a step.
        learning_rate: Of Adam.
        seeds: A decomposition for each.
        out: The run's folder; by default runs/MODEL-decomposed.
    """
    from ..runs import contrast_recipe, decompose_recipe

    settings = {
        "count": directions,
        "ranks": rank,
        "active": active,
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
    }
    if task:
        recipe = contrast_recipe(
            model,
            task,
            parameters,
            n=n,
            most=most,
            universe=universe,
            gradients={"divergence": divergence},
            settings=settings,
            seeds=seeds,
        )
    else:
        recipe = decompose_recipe(
            model,
            parameters,
            source=text,
            windows=windows,
            length=length,
            gradients={"samples": samples, "divergence": divergence},
            settings=settings,
            seeds=seeds,
        )
    folder = out or Path("runs") / str(recipe["name"])
    run_and_show(recipe, folder)
    say_next(f"tapeout report {folder}", "to look at what directions are of")
