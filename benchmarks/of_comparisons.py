"""Rows of finished comparisons as one committed result.

for task in ioi greater-than pronouns; do tapeout compare recipes/paper5-$task-smollm2.yaml; done
python benchmarks/of_comparisons.py methods-smollm2 runs/paper5-*-smollm2
"""

import json
import sys
from pathlib import Path

from _result import write


def main() -> None:
    name, *folders = sys.argv[1:]
    rows, seconds, before = [], 0.0, []
    for folder in map(Path, folders):
        found = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
        stages = json.loads((folder / "results.json").read_text(encoding="utf-8"))["stages"]
        threads = max(stage["machine"]["threads"] for stage in stages.values())
        rows += [row | {"threads": threads} for row in found["rows"]]
        seconds += sum(stage["seconds"] for stage in stages.values())
        before.append(f"tapeout compare recipes/{found['name']}.yaml && ")
    sys.argv[2:] = [f"runs/{Path(folder).name}" for folder in folders]
    write(name, rows, seconds, before="".join(before))


if __name__ == "__main__":
    main()
