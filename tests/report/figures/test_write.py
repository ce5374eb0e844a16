import importlib
import json
import sys
from pathlib import Path

import pytest

from tapeout.cli import app
from tapeout.errors import RunError
from tapeout.report.figures import FORMATS, write_figures

from .. import of_directions, samples
from ..samples import stage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    stages = samples.whole() | {"moved": stage("transfer", samples.transfer())}
    stages |= {"weights": stage("weight_edges", samples.weight_edges())}
    stages |= {"compared": stage("directions", of_directions.directions())}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(samples.results(stages)), encoding="utf-8")
    return tmp_path


def test_a_file_for_every_kind_and_format(folder: Path) -> None:
    written = write_figures(folder, formats=FORMATS)
    names = {path.name for path in written}
    assert {path.parent for path in written} == {folder / "figures"}
    kinds = ("frontier", "evidence", "layers", "transfer", "specificity", "wiring")
    assert names == {f"{kind}.{ending}" for kind in kinds for ending in FORMATS}
    begins = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}
    assert all(path.read_bytes().startswith(begins[path.suffix[1:]]) for path in written)


def test_the_same_results_give_the_same_bytes(folder: Path) -> None:
    one, other = (write_figures(folder, folder / name, ("pdf", "svg")) for name in "ab")
    assert [a.read_bytes() for a in one] == [b.read_bytes() for b in other]


def test_errors(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no format 'pfd': did you mean 'pdf'\?"):
        write_figures(folder, formats=("pfd",))
    (folder / "file").write_text("")
    with pytest.raises(RunError, match="cannot write the figure"):
        write_figures(folder, folder / "file")
    bare = samples.results({"model": stage("load")})
    (folder / "results.json").write_text(json.dumps(bare), encoding="utf-8")
    with pytest.raises(RunError, match="nothing that is drawn"):
        write_figures(folder)


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = str(folder / "paper")
    app.cli(args=["figures", str(folder), "--to", to, "--format", "svg", "png", "--width", "3.3"])
    printed = capsys.readouterr().out
    assert "evidence.svg" in printed and len(list(Path(to).iterdir())) == 12


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("tapeout.report.figures")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RunError, match=r"pip install 'tapeout\[figures\]'"):
        importlib.import_module("tapeout.report.figures")
