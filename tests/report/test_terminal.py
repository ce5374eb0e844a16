import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from tapeout.errors import RunError
from tapeout.report import (
    evidence_table,
    frontier_table,
    sizes_table,
    speed_table,
    tables_of,
    worth_table,
)

from . import samples
from .samples import share, stage, whole
from .test_hostile import HOSTILE, everything, renamed


def drawn(*tables: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, no_color=True, force_terminal=False)
    for table in tables:
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def line(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(start))


def every(stages: dict[str, Any]) -> list[RenderableType]:
    return tables_of(stages)


def test_worth() -> None:
    text = drawn(worth_table(samples.task()))
    assert "Full model on ioi/validation, n = 20" in text
    assert line(text, "exact accuracy").split()[2:] == ["95.0%", "76.4–99.1%", "19/20"]
    assert line(text, "logit_difference").split()[1:] == ["6.00", "[5.50,", "6.50]"]


def test_worth_alone_is_enough() -> None:
    assert drawn(worth_table({"worth": samples.task()["worth"]})) == drawn(
        worth_table(samples.task())
    )


def test_frontiers_side_by_side() -> None:
    missed = samples.frontier(smallest=None, replacement="zero")
    text = drawn(frontier_table([("mean", samples.frontier()), ("zero", missed)]))
    assert line(text, "25 ").split()[:3] == ["25", "25.0%", "90.0%"]
    assert [row for row in text.splitlines() if "<- keeps 85.5%" in row] == [line(text, "25 ")]
    assert "zero: ioi/validation, zero replacement" in text
    assert "no size keeps the target of 85.5%" in text


def test_evidence() -> None:
    text = drawn(evidence_table(samples.verify()))
    assert "ioi/test, n = 40, mean replacement over ioi/reference (n=20)" in text
    assert line(text, "Full model").split()[2] == "92.5%"
    assert line(text, "Circuit, autoregressive (by induction)").split()[4] == "90.0%"
    assert line(text, "Random circuits (2 seeds, range)").split()[5:] == [
        "2.5%",
        "0.0–5.0%",
        "0–2/40",
    ]
    assert line(text, "Without random ones").split()[6] == "80.0%"
    assert line(text, "KL").split()[-3:] == ["0.180", "[0.00,", "0.680]"]
    assert "leaks" not in text


def test_a_leak_is_said() -> None:
    metrics = samples.verify(empty=share(12, 40), empty_leaks=True)
    text = drawn(evidence_table(metrics))
    assert "The empty circuit gets 30.0%: the replacement leaks." in text


def test_sizes() -> None:
    text = drawn(sizes_table(samples.select()))
    assert "Circuit of 25 nodes, 25.0% of the universe" in text
    assert line(text, "attention heads (attn.z:head)").split()[-3:] == ["5", "8", "62.5%"]
    assert text.splitlines()[-2].split() == ["MLP", "channels", "0-1", "▄·"]
    assert text.splitlines()[-1].split() == ["attention", "heads", "0-1", "█▂"]


def test_deep_models_take_several_lines() -> None:
    row = {"site": "attn.z", "granularity": "head", "kept": 4, "total": 4}
    metrics = samples.select() | {"by_layer": [row | {"layer": n} for n in range(100)]}
    text = drawn(sizes_table(metrics))
    assert text.count("█") == 100
    assert [part in text for part in ("0-39", "40-79", "80-99")] == [True] * 3


def test_speed() -> None:
    text = drawn(speed_table(samples.measure()))
    assert line(text, "Parameters").split() == [
        "Parameters",
        "1,000",
        "1,000",
        "×1.00",
        "820",
        "×0.820",
    ]
    assert line(text, "Tokens per second").split()[-2:] == ["130", "×1.30"]
    words = " ".join(text.split())
    assert "largest logit difference 3.70e-5 (logits up to 20.0), same next token in" in words
    assert "medians of 7 forwards or more, in turns, float32, 2 threads" in words


def test_large_models_fit() -> None:
    metrics = samples.measure()
    for model in metrics["models"]:
        model["parameters"] *= 13_000_000
        model["bytes"] = 2 * model["parameters"]
    text = drawn(speed_table(metrics))
    assert line(text, "Parameters").split()[1:3] == ["13.0", "G"]


def test_one_table_a_stage_and_one_for_all_frontiers() -> None:
    stages = whole() | {"more": stage("frontier"), "odd": stage("sparse", {"a": 1})}
    text = drawn(*every(stages))
    assert len(every(stages)) == 5
    assert text.index("frontier: ") < text.index("more: ") < text.index("Circuit of 25")


@pytest.mark.parametrize("name", [*HOSTILE.values(), "x" * 100_000], ids=[*HOSTILE, "long"])
def test_hostile_names_stay_text_within_80_columns(name: str) -> None:
    text = drawn(*every(renamed(everything(), name)["stages"]))
    assert all(cell_len(row) <= 80 for row in text.splitlines())
    assert not {"\x1b", "\x07", "\u202e", "\ud800"} & set(text)
    text.encode("utf-8")


def test_names_are_not_read_as_markup() -> None:
    stages = renamed(everything(), "[red]@[/red]")["stages"]
    text = drawn(*every(stages), width=1000)
    assert text.count("@") == text.count("[red]@[/red]") > 20


def test_everything_fits_80_columns() -> None:
    assert all(cell_len(row) <= 80 for row in drawn(*every(whole())).splitlines())


@pytest.mark.parametrize(
    "table", [worth_table, evidence_table, sizes_table, speed_table], ids=lambda t: t.__name__
)
def test_other_metrics_are_refused(table: Any) -> None:
    with pytest.raises(RunError, match=r"metrics.* is not .*Run the recipe again"):
        table({"something": "else"})
