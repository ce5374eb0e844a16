"""The command about two models at once: bridge."""

from pathlib import Path

from ._app import Positional, app, beside, run_and_show, say_next


@app.command(name="bridge")
def bridge(
    dense: Positional[str],
    /,
    *,
    task: str = "single_double_quote",
    together: int = 1,
    texts: str = "",
    n: int = 2000,
    density: float = 1 / 16,
    steps: int = 500,
    d_model: int = 128,
    length: int = 128,
    batch_size: int = 16,
    crossing: int = 4,
    learning_rate: float = 5e-3,
    out: Path | None = None,
    seed: int = 0,
) -> None:
    """Train a sparse model with bridges to the model DENSE, and steer DENSE through them.

    The sparse model learns to do at every sublayer what the dense one does, and bridges to turn
    what either of them holds there into what the other would. DENSE itself is not changed.

    Args:
        dense: The folder of a run that trained a dense model (`tapeout train --density 1`), whose
            corpus is read again; or any model, with --texts.
        task: The task between whose two answers DENSE is steered; empty for none.
        together: How many channels of the sparse model are steered at once.
        texts: Read this task's prompts and answers instead of a corpus.
        n: How many of them to train on.
        density: The share of weights that stay in the sparse model.
        steps: Updates.
        d_model: Channels of the sparse model's residual stream.
        length: Tokens of a window.
        batch_size: Windows of a step.
        crossing: Windows of a step that go over at each sublayer; 0 for all, as in the paper.
        learning_rate: Of AdamW, for a dense model; it rises as the model gets sparser.
        out: The run's folder; by default the dense model's run, or runs/MODEL-bridged.
        seed: Of weights and windows.
    """
    from ..runs import bridge_recipe

    settings = {
        "density": density,
        "steps": steps,
        "d_model": d_model,
        "length": length,
        "batch_size": batch_size,
        "crossing": crossing,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    recipe = bridge_recipe(dense, task=task, together=together, texts=texts, n=n, settings=settings)
    place = Path(dense)
    own = beside(place, "bridged") if (place / "recipe.json").is_file() else None
    folder = out or own or Path("runs") / str(recipe["name"])
    finished = run_and_show(recipe, folder, only={"bridged", "steered"})
    where = finished["bridged"].folder
    say_next(f"tapeout find {where} {task or 'single_double_quote'}", "to see the sparse circuit")
