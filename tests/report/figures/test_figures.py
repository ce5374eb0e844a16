"""What figures show is what the results say."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tapeout.circuits import Circuit, Universe
from tapeout.errors import RunError
from tapeout.report import figures
from tapeout.verify import Frontier, Point, Share

from ...tiny import tiny
from .. import of_directions, samples
from ..samples import results, stage
from ..test_charts import DEGENERATE


def texts(figure: Figure) -> str:
    """All that can be read in it."""
    figure.canvas.draw()
    found = figure.findobj(matplotlib.text.Text)
    return "\n".join(text.get_text() for text in found)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Writes a run with these stages."""
    import json

    def write(stages: samples.Json) -> Path:
        (tmp_path / "results.json").write_text(json.dumps(results(stages)), encoding="utf-8")
        return tmp_path

    return write


def test_frontier_points_and_their_intervals(run: Any) -> None:
    folder = run({"line": stage("frontier")})
    (axes,) = figures.frontier(folder).axes
    points = samples.frontier()["points"]
    shares = [(p["share"], p["accuracy"]) for p in points]
    assert axes.lines[0].get_xydata().tolist() == [list(pair) for pair in shares]
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    assert all(np.isclose(corners, [p["share"], p[end]]).all(1).any()
               for p in points for end in ("low", "high"))  # fmt: skip
    levels = [line.get_ydata()[0] for line in axes.lines[1:]]
    assert levels == pytest.approx([19 / 20, 0.9 * 19 / 20])


def test_a_frontier_stands_beside_controls_of_the_same_universe_only(run: Any) -> None:
    both = {"line": stage("frontier"), "proof": stage("verify")}
    words = texts(figures.frontier(run(both)))
    assert "random circuits" in words and "empty circuit" in words and "ioi/test, n = 40" in words
    for other in (samples.verify(share=0.5), samples.verify(replacement="zero")):
        words = texts(figures.frontier(run(both | {"proof": stage("verify", other)})))
        assert "random" not in words


def test_a_frontier_as_an_object_has_no_target() -> None:
    points = [Point(size=k, share=k / 8, right=right, n=20) for k, right in ((0, 0), (8, 20))]
    rest = {"split": "a/validation", "replacement": "zero", "reference": "", "positions": "all"}
    line = Frontier(points=points, full=Share(20, 20), criterion="exact", **rest)
    (axes,) = figures.frontier({"one": line, "two": line}).axes
    assert [len(one.get_xdata()) for one in axes.lines] == [2, 2, 2]
    assert "target" not in texts(figures.frontier(line))


@pytest.mark.parametrize("metrics", DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_frontiers_are_drawn_without_a_warning(
    metrics: samples.Json, tmp_path: Path
) -> None:
    figure = figures.frontier({"a": metrics}, {"p": samples.verify()})
    assert figures.save(figure, tmp_path / "a.svg").stat().st_size > 1000


def test_evidence_in_the_order_of_the_page(run: Any) -> None:
    (axes,) = figures.evidence(run({"proof": stage("verify")})).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[0] == "Full model" and names[3:5] == ["Random circuits (2 seeds, range)",
                                                       "Empty circuit"]  # fmt: skip
    values = [line.lines[0].get_xdata()[0] for line in axes.containers]
    assert values == pytest.approx([37 / 40, 0.9, 0.9, 1 / 40, 0, 1 / 40, 0.8])


def test_layers_of_a_run_and_of_circuits(run: Any) -> None:
    mlp, heads = figures.layers(run({"circuit": stage("select")})).axes
    assert [bar.get_height() for bar in mlp.patches] == [20, 0]
    assert [bar.get_height() for bar in heads.patches] == [4, 1]
    assert mlp.get_title("left") == "MLP channels: 20 of 92"
    universe = Universe.of(tiny("llama").shape, "mlp.post_act")
    circuits = {"all": Circuit.full(universe), "none": Circuit.empty(universe)}
    (axes,) = figures.layers(circuits).axes
    heights = [bar.get_height() for bar in axes.patches]
    assert sum(heights) == universe.size and heights[len(heights) // 2 :] == [0] * (
        len(heights) // 2
    )


def test_a_circuit_has_one_colour_in_all_plots() -> None:
    rows = samples.select()["by_layer"]
    first, second = (samples.select() | {"by_layer": some} for some in (rows[:2], rows[2:]))
    plots = figures.layers({"first": first, "second": second}).axes
    colours = [to_hex(plot.patches[0].get_facecolor()) for plot in plots]
    assert colours == list(figures.COLOURS[:2])


def test_transfer_is_a_matrix_with_its_leaks(run: Any) -> None:
    figure = figures.transfer(run({"moved": stage("transfer", samples.transfer())}))
    shown = figure.axes[0].images[0].get_array()
    assert np.allclose(shown, [[0.9, 0.1], [0.1, 0.9]])
    assert "90.0%\n(2.5%)" in texts(figure)


def test_arms_with_gains(run: Any) -> None:
    base = {"split": "problems/test", "accuracy": samples.share(8, 40)}
    gain = {"by_problem": {"value": 0.1, "low": -0.05, "high": 0.25, "p": 0.2}}
    arm = base | {"accuracy": samples.share(12, 40), "gain": gain}
    solved, gained = figures.arms({"base": base, "updated": arm}).axes
    values = [line.lines[0].get_xdata()[0] for line in solved.containers]
    assert values == [0.2, 0.3] and gained.containers[0].lines[0].get_xdata() == [10]
    assert len(figures.arms({"base": base}).axes) == 1


def test_specificity_falls(run: Any) -> None:
    found = of_directions.directions()
    rows = [{"active": a, "rest": 0.5, "direction": 0, "samples": 4, "moved": 0.1}
            for a in (1.0, 4.0, 2.0)]  # fmt: skip
    found["sets"][0]["specificity"]["rows"] = rows
    (axes,) = figures.specificity(run({"d": stage("directions", found)})).axes
    assert axes.lines[0].get_ydata().tolist() == [8, 4, 2]
    assert "learned, seed 1" in axes.get_legend_handles_labels()[1][0]


def test_sizes_at_loss_and_their_ratio() -> None:
    def rows(*sizes: int) -> list[samples.Json]:
        return [{"task": f"t{at}", "seed": 0, "target_loss": 0.1, "nodes": size, "edges": size**2}
                for at, size in enumerate(sizes)]  # fmt: skip

    figure = figures.sizes({"dense": rows(20, 80), "sparse": rows(10, 10)})
    nodes, edges = figure.axes
    assert sorted(nodes.lines[0].get_ydata()) == pytest.approx([20, 80])
    assert [t.get_text() for t in (*nodes.texts, *edges.texts)] == ["4× (2)", "16× (2)"]


def test_wiring_draws_every_weight_by_its_sign() -> None:
    (axes,) = figures.wiring({"drawn": samples.weight_edges()}).axes
    curves = [p for p in axes.patches if type(p).__name__ == "PathPatch"]
    colours = [to_hex(curve.get_edgecolor()) for curve in curves]
    signs = [edge["weight"] < 0 for edge in samples.weight_edges()["diagram"]["edges"]]
    assert colours == [figures.COLOURS[1 if minus else 0] for minus in reversed(signs)]
    widths = [curve.get_linewidth() for curve in curves]
    assert widths == sorted(widths)
    with pytest.raises(RunError, match="one circuit"):
        figures.wiring({"a": samples.weight_edges(), "b": samples.weight_edges()})


def test_tradeoff_of_a_comparison() -> None:
    row = {"task": "ioi", "method": "a", "circuit": "kept", "kl": 0.5, "kl_low": 0.4}
    row |= {"kl_high": 0.7, "edges": 10, "edges_total": 40, "size": 7}
    other = row | {"task": "pronouns", "method": "b", "edges": None}
    first, *rest = figures.tradeoff([row, other]).axes
    assert not rest and first.get_title("left") == "ioi"
    (x, y), = first.containers[0].lines[0].get_xydata()  # fmt: skip
    assert (x, y) == (25, 0.5)
    by_size = figures.tradeoff([row, other], across="size")
    assert [axes.get_title("left") for axes in by_size.axes] == ["ioi", "pronouns"]


@pytest.mark.parametrize("text", ["$x^$", "\\frac{1}{", "a\nb", "\u202e", "\ud800", "x" * 10_000])
def test_text_is_shown_as_it_is(text: str, tmp_path: Path) -> None:
    drawn = [figures.evidence({text: samples.verify(split=f"{text}/test")}),
             figures.frontier({text: samples.frontier()}),
             figures.wiring({text: samples.weight_edges()})]  # fmt: skip
    for figure in drawn:
        figures.save(figure, tmp_path / "a.svg")
        assert all(len(line) < 200 for line in texts(figure).splitlines())


def test_the_callers_settings_stay(run: Any) -> None:
    before = dict(matplotlib.rcParams)
    figure = figures.evidence(run({"proof": stage("verify")}))
    assert "<svg" in figure._repr_svg_()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("kind", ["frontier", "verify", "select", "transfer", "solve",
                                  "directions", "weight_edges"])  # fmt: skip
def test_a_run_without_it_says_so(kind: str, run: Any) -> None:
    make = {"frontier": figures.frontier, "verify": figures.evidence, "select": figures.layers,
            "transfer": figures.transfer, "solve": figures.arms,
            "directions": figures.specificity, "weight_edges": figures.wiring}[kind]  # fmt: skip
    with pytest.raises(RunError, match=f"no finished stage of kind .*{kind}"):
        make(run({"model": stage("load")}))


def test_what_is_no_source_says_so() -> None:
    with pytest.raises(RunError, match="not from int"):
        figures.evidence({"a": 3})
