"""What the page says of conditioning: frontiers, merge scales, activity, transfer."""

from pathlib import Path

import pytest

from tapeout.report._results import read_results
from tapeout.report.viewer._conditioning import conditioning

from .. import samples
from ..samples import Json, share, stage
from .folders import Folder
from .made import conditioned


@pytest.fixture
def tree(tmp_path: Path) -> Json:
    folder = Folder(tmp_path)
    conditioned(folder)
    found = conditioning(read_results(folder.write()))
    assert found is not None
    return found


def test_frontiers_are_of_models(tree: Json):
    base, hard = tree["frontiers"]
    assert [base["model"], hard["model"]] == ["base", "hard"]
    assert base["universe"] == "MLP channels" and base["replacement"] == "mean"
    assert [point[:2] for point in hard["points"]] == [[0, 0], [10, 0.1], [25, 0.25], [100, 1.0]]
    assert hard["points"][1][2:] == [share(17, 20)[key] for key in ("value", "low", "high")]
    assert hard["chosen"] == 25 and hard["target"] == pytest.approx(0.9 * hard["full"][0])


def test_sizes_side_by_side_are_frontiers_too(tmp_path: Path):
    folder = Folder(tmp_path)
    conditioned(folder)
    found = samples.smallest()
    point = {"size": 3, "share": 0.03, "accuracy": 0.5, "low": 0.4, "high": 0.6}
    found["replacements"]["zero"]["points"] = [point | {"right": 5, "n": 10}]
    folder.stages["sizes"] = stage("smallest", found, inputs={"model": "hard"})
    tree = conditioning(read_results(folder.write()))
    assert tree is not None
    zero, other = tree["frontiers"][2:]
    assert zero["points"] == [[3, 0.03, 0.5, 0.4, 0.6]] and zero["chosen"] == 3
    assert other["replacement"] == "counterfactual" and other["chosen"] is None


def test_scales_have_accuracies_and_distances(tree: Json):
    soft, hard = tree["sweeps"]
    assert len(soft["points"]) == 1 and [p["scale"] for p in hard["points"]] == [0.25, 0.5, 1.0]
    assert hard["points"][0]["kl"] == [0.25, 0.0, 0.75] and hard["scale"] == 0.5
    assert [what for what, _ in hard["points"][0]["recovery"]] == ["zero"]


def test_activity_is_a_share_of_every_layer(tree: Json):
    (audit,) = tree["energy"]
    assert audit["circuit"] == "small" and [m["name"] for m in audit["models"]] == ["hard", "base"]
    groups = dict(audit["models"][0]["groups"])
    assert list(groups) == ["all: all", "carry: one"]
    # layer 1 writes nothing, so there is no share of it
    assert groups["all: all"] == [[0, 0.25, 0.25, 0.25], [1, 0.25, 0.5, None]]


def test_cells_name_circuits_and_models(tree: Json):
    (matrix,) = tree["transfers"]
    assert matrix["circuits"] == matrix["models"] == ["before", "after"]
    assert [cell["own"] for cell in matrix["cells"]] == [True, False, False, True]
    assert matrix["cells"][0]["alone"][0] == 0.9 and matrix["cells"][0]["empty"][0] == 0.025


def test_frontiers_alone_are_no_conditioning(tmp_path: Path):
    folder = Folder(tmp_path)
    folder.stages |= {"f": stage("frontier"), "a": stage("audit", {"split": "t", "n": 1})}
    assert conditioning(read_results(folder.write())) is None
