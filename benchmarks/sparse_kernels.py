"""What keeping weights and activations sparse costs in training, and what it saves afterwards.

    python benchmarks/sparse_kernels.py

Parts: `weights` and `activations` beside `torch.topk` with `scatter`; where the time of a training
`step` goes; `products` by the weights that are not zero beside dense ones, and a whole `model`.
What is compared is timed in turn in one process (medians). A GPU is measured too where there is
one.
"""

import argparse
import os
import time
from collections.abc import Iterator

import torch
from _result import write
from kernels import largest, products, steps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="tiny sizes, and nothing is written")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    start, rows = time.time(), [conditions("before")]
    for row in measured(chosen.quick):
        print(row, flush=True)
        rows.append(row)
    rows.append(conditions("after"))
    if not chosen.quick:
        write("sparse-kernels", rows, time.time() - start)


def measured(quick: bool) -> Iterator[dict]:
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        yield from largest.rows(device, quick)
        yield from steps.rows(device, quick)
    yield from products.rows(quick)


def conditions(when: str) -> dict:
    """How busy the machine is: processes that run or wait to, over the last minute."""
    load = round(os.getloadavg()[0], 2)
    row = {"part": "conditions", "when": when, "threads": torch.get_num_threads(), "load": load}
    if torch.cuda.is_available():
        row["gpu"] = torch.cuda.get_device_name()
    return row


if __name__ == "__main__":
    main()
