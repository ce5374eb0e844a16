"""How well each method finds a circuit that is known.

    python benchmarks/planted_circuits.py

Models whose circuit was set by hand (planted/induction.py: true by construction) and models that
were trained to have one (planted/branches.py). Of those, truth is what replacing each node alone,
by zero, mean and counterfactual, does to the answer's log probability over all prompts: needed if
it changes by 0.1 nats or more on average whichever way it is replaced, idle if by 0.02 or less,
and left out in between. Edges likewise, patched from the counterfactual. No scored method has a
part in it; `left_out` counts what counts neither way.

AUROC: the chance that what is needed scores above what is idle; 0.5 is chance. `level` is what is
ranked: heads, channels, both (`nodes`), or edges. Methods see the train split, and were tuned on
seeds 100 and 101.
"""

import argparse
import time

from _result import write


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--families", default="gpt2,llama")
    parser.add_argument("--seeds", default="0,1,2")
    asked = parser.parse_args()

    from planted.cases import cases

    began, rows = time.perf_counter(), []
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    for case in cases(asked.families.split(","), seeds):
        about = " ".join(f"{key} {value}" for key, value in case.about.items())
        print(f"{about} ({time.perf_counter() - began:.0f} s)", flush=True)
        rows += case.rows()
    summary(rows)
    print(f"{time.process_time():.0f} s of one core")
    write("planted-circuits", rows, time.perf_counter() - began)


def summary(rows: list[dict]) -> None:
    """Print the mean and the worst of every method, by kind of model and level."""
    columns = {}
    for row in rows:
        key = row["method"], f"{row['kind']} {row['level']}"
        columns.setdefault(key, []).append(row["auroc"])
    heads = list(dict.fromkeys(column for _, column in columns))
    print("mean (worst)".ljust(44), *(head.rjust(18) for head in heads))
    for method in dict.fromkeys(method for method, _ in columns):
        cells = [columns.get((method, head)) for head in heads]
        shown = [f"{sum(c) / len(c):.3f} ({min(c):.3f})" if c else "" for c in cells]
        print(method.ljust(44), *(cell.rjust(18) for cell in shown))


if __name__ == "__main__":
    main()
