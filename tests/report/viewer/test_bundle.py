"""The shipped script is the build of its source, and the page lets nothing else run."""

import base64
import hashlib
import html
import re
from pathlib import Path

import pytest

from tapeout.circuits import Universe
from tapeout.report import write_report
from tapeout.report.viewer._app import BUNDLE

from .folders import UNIVERSE, Folder, shape

SOURCE = Path(__file__).parents[3] / "viewer"


@pytest.mark.skipif(not SOURCE.is_dir(), reason="the viewer's source is not beside the tests")
def test_the_bundle_is_the_build_of_its_source():
    found = [path for path in (SOURCE / "src").rglob("*") if path.is_file()]
    found += [SOURCE / "package-lock.json", SOURCE / "vite.config.ts"]
    digest = hashlib.sha256()
    for path in sorted(found, key=lambda path: path.relative_to(SOURCE).as_posix()):
        digest.update(path.relative_to(SOURCE).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    first = (BUNDLE / "viewer.js").read_text("utf-8").partition("\n")[0]
    assert first == f"/*! sources sha256:{digest.hexdigest()} */", "run `make viewer`"


def test_the_bundle_can_stand_in_a_page():
    for name, end in (("viewer.js", "</script"), ("viewer.css", "</style")):
        text = (BUNDLE / name).read_text("utf-8")
        assert end not in text.lower() and "<!--" not in text
        assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/)", text)
    script = (BUNDLE / "viewer.js").read_text("ascii")
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
    ):
        assert way not in script


def test_the_policy_allows_this_script_and_these_styles_only(tmp_path: Path):
    folder = Folder(tmp_path)
    folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4)
    page = write_report(folder.write()).read_text("utf-8")
    (policy,) = re.findall('http-equiv="Content-Security-Policy" content="(.*?)"', page)
    policy = html.unescape(policy)
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert set(rules) == {"default-src", "style-src", "script-src", "base-uri", "form-action"}
    assert rules["default-src"] == "'none'"
    allowed = re.findall("sha256-([\\w+/=]+)", rules["script-src"] + rules["style-src"])
    inside = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    inside += re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in inside]
    assert sorted(hashes) == sorted(allowed) and len(hashes) == 3
    assert "unsafe" not in policy


def test_same_run_same_bytes(tmp_path: Path):
    folder = Folder(tmp_path)
    folder.nodes("one", Universe.of(shape(), UNIVERSE), share=0.4)
    assert write_report(folder.write()).read_bytes() == write_report(tmp_path).read_bytes()
