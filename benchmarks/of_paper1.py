"""What paper 1 says beside what two finished runs measured, claim by claim, with a verdict each.

tapeout run recipes/paper1-tables.yaml && tapeout run recipes/paper1-mechanism.yaml && \
python benchmarks/of_paper1.py

Other folders of the two runs can be given, in this order. Every verdict is computed by the rule
beside it; a difference within the 95% interval of either number decides nothing. Of a variant that
was trained at two learning rates the one with the smaller circuit counts, as the paper sweeps too.
"""

import sys
from pathlib import Path
from typing import Any

from _result import write
from paper1 import audits, pieces, tables
from paper1.reading import MissingStage, Run, Runs

RECIPES = ("paper1-tables", "paper1-mechanism")
CLAIMS = (
    *(*tables.TABLE_1, *tables.TABLE_2, *tables.EXPERIMENTS),
    *(*pieces.CLAIMS, *audits.CLAIMS),
)


def main() -> None:
    given = sys.argv[1:] or [f"runs/{recipe}" for recipe in RECIPES]
    if len(given) != 2:
        sys.exit("give both folders, of the run of paper1-tables and of paper1-mechanism, or none")
    try:
        runs = Runs(*(Run.at(Path(folder)) for folder in given))
        found = rows(runs)
    except MissingStage as error:
        sys.exit(f"{error}: run both recipes to their end, or name the folders of their runs")
    except ValueError as error:
        sys.exit(str(error))
    sys.argv[1:] = [f"runs/{recipe}" for recipe in RECIPES] if sys.argv[1:] else []
    before = "".join(f"tapeout run recipes/{recipe}.yaml && " for recipe in RECIPES)
    for row in found:
        print(f"{row['experiment']:<24} {row['verdict']:<20} {row['rule']}")
    write("paper1-tables", found, runs.tables.seconds + runs.mechanism.seconds, before=before)


def rows(runs: Runs) -> list[dict[str, Any]]:
    """Every claim with its verdict, in the order of the experiments.

    Raises:
        MissingStage: a run lacks a stage that a claim is judged by.
    """
    return sorted((claim.row(runs) for claim in CLAIMS), key=lambda row: _place(row["experiment"]))


def _place(experiment: str) -> tuple[bool, str]:
    """Setup and tables before experiments, these by number."""
    number = experiment.split(",")[0].split(" ")[0]
    return number.isdigit(), number.zfill(2) if number.isdigit() else ""


if __name__ == "__main__":
    main()
