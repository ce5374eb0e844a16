"""What every benchmark shares: one JSON file a result, with the command that makes it again."""

import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def write(name: str, rows: list[dict[str, Any]], seconds: float, before: str = "") -> None:
    """Write `results/NAME.json`; `before` is a command that has to come before this one."""
    command = before + " ".join(
        ["python", os.path.relpath(sys.argv[0]), *map(_shown, sys.argv[1:])]
    )
    result = {
        "schema_version": 1,
        "name": name,
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "seconds": round(seconds, 1),
        "rows": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {os.path.relpath(path)}")


def _shown(argument: str) -> str:
    """Paths of this machine say nothing elsewhere."""
    return Path(argument).name.upper() if os.path.isabs(argument) else shlex.quote(argument)


def _machine() -> str:
    import torch

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, PyTorch {torch.__version__}"
