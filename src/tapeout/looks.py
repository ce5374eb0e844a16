"""The commands that only look: at tasks, at models, at circuits."""

from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

Positional = tyro.conf.Positional
"""An argument without a name before it."""


def tasks(
    model: Positional[str] = "",
    task: Positional[str] = "",
    /,
    *,
    n: int | None = None,
    seed: int = 0,
    usable: str = "",
) -> None:
    """List the built-in tasks; or say how well MODEL does TASK.

    Args:
        model: An alias, a folder, a .gguf file or a Hugging Face id.
        task: A built-in task or a JSONL file.
        n: Examples to try; the task's own default if left out.
        seed: Of the examples.
        usable: A model, or a folder with a tokenizer: lists which of the tasks on Python code can
            be asked of it, and why others cannot.
    """
    from .tasks import TASKS, build

    console = Console()
    if usable:
        console.print(_usable(usable))
        return
    if not task:
        table = Table("task", "what it asks")
        for name, entry in TASKS.items():
            table.add_row(name, entry.about)
        console.print(table)
        return
    from .models import load
    from .report import worth_table
    from .verify import worth

    handle = load(model)
    built = build(task, handle.tokenizer, n=n, seed=seed)
    for example in built.test.examples[:3]:
        console.print(f"  {example.prompt!r} -> {example.answers[0]!r}", markup=False)
    console.print(worth_table({"worth": worth(handle, built, built.test).to_dict()}))


def _usable(place: str) -> Table:
    from .models import load
    from .sparse import open_tokenizer
    from .tasks.python import usability

    alone = Path(place, "tokenizer.json").is_file()
    tokenizer = open_tokenizer(Path(place)) if alone else load(place).tokenizer
    table = Table("task", "templates", "answers", "what is in the way")
    for fit in usability(tokenizer):
        answers = Text(" ".join(repr(answer) for answer in fit.answers))
        why = Text("" if fit.usable else fit.why)
        table.add_row(fit.task, f"{fit.usable} of {fit.templates}", answers, why)
    return table


def models(model: Positional[str] = "", /) -> None:
    """List aliases and families; or show MODEL's sites.

    Args:
        model: An alias, a folder, a .gguf file or a Hugging Face id.
    """
    from .models import ALIASES, FAMILIES, SITES, load

    console = Console()
    if not model:
        table = Table("alias", "what it is")
        for name, alias in ALIASES.items():
            table.add_row(name, alias.about)
        console.print(table)
        console.print("families:", ", ".join(sorted(FAMILIES)))
        return
    handle = load(model)
    table = Table("site", "layers", "channels in each", "heads", title=repr(handle))
    for site in SITES:
        widths = handle.shape.widths[site]
        there = [layer for layer, width in enumerate(widths) if width]
        heads = {handle.shape.heads(layer, site) for layer in there} if "attn." in site else set()
        heads = heads if site in ("attn.q", "attn.k", "attn.v", "attn.z") else set()
        table.add_row(site, str(len(there)), _range(widths), _range(heads))
    console.print(table)


def show(place: Positional[Path], /) -> None:
    """Print what a circuit keeps: by granularity, layer by layer, its heads by name, its edges.

    Args:
        place: A circuit's folder; or a run's, for all its circuits and how they do the task.
    """
    from .circuits import Circuit, summarise
    from .report import comparison_table, origin_table, summary_tables
    from .runs import circuits_in

    console, found = Console(), circuits_in(place)
    summaries = {name: summarise(circuit).to_dict() for name, circuit in found.circuits.items()}
    for name, circuit in found.circuits.items():
        mark = circuit.fingerprint
        model = {"model": mark.name, "weights": mark.weights} if mark else {}
        edges = f"{circuit.size:,} of {circuit.universe.size:,} edges"
        size = circuit.describe() if isinstance(circuit, Circuit) else edges
        console.print(origin_table(f"{name}: {size}", {**model, **circuit.origin}))
        console.print(summary_tables(summaries[name]))
    if found.proofs:
        rows = [(proof.name, summaries[proof.circuit], proof.metrics) for proof in found.proofs]
        console.print(comparison_table(rows))


def _range(values: Any) -> str:
    low, high = min(values, default=0), max(values, default=0)
    return "" if not high else str(high) if low == high else f"{low}-{high}"
