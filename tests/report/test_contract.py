"""What the other rooms report is what this room reads."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import tapeout.report
from tapeout.extraction import Measured, SideBySide
from tapeout.report import evidence_table, frontier_table, speed_table, worth_table
from tapeout.verify import (
    Average,
    Calibrated,
    Calibrating,
    Calibration,
    Frontier,
    Point,
    Recovery,
    Share,
    Worth,
)

from ..tiny import random_circuit, tiny
from .samples import Page, page_of, stage, verify
from .test_terminal import drawn

HERE = Path(tapeout.report.__file__).parent


def test_it_knows_no_other_room() -> None:
    for path in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level > 1:
                assert node.module == "errors", path
            if isinstance(node, ast.Import):
                assert not [a for a in node.names if a.name.startswith("tapeout")], path


def test_it_needs_no_torch() -> None:
    code = "import sys, tapeout.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_worth() -> None:
    metrics = {"m": Average.of([1.0, 2.0])}
    found = Worth(
        task="t", split="t/test", criterion="exact", accuracy=Share(3, 4), metrics=metrics
    )
    assert "75.0%" in drawn(worth_table({"worth": found.to_dict()}))


def test_frontier(tmp_path: Path) -> None:
    points = [Point(size=size, share=size / 8, right=size // 2, n=4) for size in (0, 4, 8)]
    about = {"split": "t/validation", "replacement": "zero", "reference": "", "positions": "all"}
    about["criterion"] = "above_foil"
    found = Frontier(points=points, full=Share(4, 4), **about)
    metrics = found.to_dict() | {"target": 0.9, "relative": True, "smallest": None}
    assert "50.0%" in drawn(frontier_table([("f", metrics)]))
    page = Page(page_of(tmp_path, {"f": stage("frontier", metrics)})).text
    assert "t/validation" in page
    assert "accuracy by rank above foils" in page


@pytest.mark.parametrize("random", [[], [Share(1, 4)]])
def test_recovery(random: list[Share], tmp_path: Path) -> None:
    kl = Average.of([0.5])
    found = Recovery(
        circuit=random_circuit(tiny("llama"), "mlp.post_act,attn.z:head"),
        split="t/test",
        n=4,
        replacement="zero",
        reference="",
        positions="all",
        criterion="exact",
        full=Share(4, 4),
        teacher_forced=Share(3, 4),
        autoregressive=Share(3, 4),
        ar_by="induction",
        kl=kl,
        metrics={"m": (kl, kl, kl)},
        empty=Share(1, 4),
        chance=0.0,
        random=random,
        necessity=Share(0, 4),
        necessity_random=random,
    )
    assert "75.0%" in drawn(evidence_table(found.to_dict()))
    text = Page(page_of(tmp_path, {"p": stage("verify", found.to_dict())})).text
    assert "keep 75.0% of the full model’s accuracy on t" in text
    assert "The empty circuit does a part of the task" in text


def test_calibration(tmp_path: Path) -> None:
    low, high = Average.of([0.25]), Average.of([2.5])
    fitted = Calibration(
        scale=1.75,
        shift=-0.5,
        tokens=(3,),
        shift_on="side",
        before=high,
        after=low,
        split="t/train",
        n=4,
        evaluations=9,
        config=Calibrating(objective="candidates"),
    )
    found = Calibrated(
        calibration=fitted,
        split="t/test",
        n=4,
        replacement="zero",
        reference="",
        loss=(high, low),
        accuracy=(Share(1, 4), Share(3, 4)),
        metrics={"m": (high, low), "above_foil": (high, low)},
    )
    metrics = verify() | {"calibration": found.to_dict(), "criterion": "above_foil"}
    for text in (
        drawn(evidence_table(metrics)),
        Page(page_of(tmp_path, {"p": stage("verify", metrics)})).text,
    ):
        assert "candidates loss, nats" in text and "2.5" in text
        assert "scale 1.75" in text and "t/train" in text
        assert "m, calibrated" in text and "75.0%" in text
        assert "foils, calibrated" not in text  # it is the accuracy


def test_side_by_side(tmp_path: Path) -> None:
    one = {"parameters": 8, "bytes": 32, "flops_per_token": 16.0, "tokens_per_second": 9.0}
    one |= {"tokens_per_second_range": (8.0, 10.0), "forwards": 5}
    rest = {"load_seconds": 0.5, "peak_mb": 300.0}
    models = [Measured(what=what, **one, **rest) for what in ("full", "masked", "extracted")]
    difference = {"max_logit_difference": 0.0, "same_argmax": 2, "rows": 2, "length": 3}
    how = {"logit_scale": 5.0, "dtype": "float32", "threads": 1}
    found = SideBySide(models=models, **difference, **how)
    metrics = json.loads(json.dumps(found.to_dict()))
    assert "300.0 MiB" in drawn(speed_table(metrics))
    assert "300.0 MiB" in page_of(tmp_path, {"m": stage("measure", metrics)})
