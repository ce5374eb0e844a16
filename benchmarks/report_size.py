"""A page of 10,000 nodes and a million activations: written, opened, panned; time and size.

    python benchmarks/report_size.py
    python benchmarks/report_size.py --runs runs/demo
    chrt -r 1 taskset -c 1 python benchmarks/report_size.py   # on one core, before all other work

The run is made up: a circuit of random nodes with random activations on pairs, on text and token by
token, which compress no better than real ones. `write_s` is `write_report`. The page is then
opened from a file in headless Chromium, which draws without a GPU: `interactive_s` is from the
start of the navigation to the second frame behind the Circuit view's first, the median of `--tries`
fresh contexts; `cpu_s` is the processor time that all processes of the browser took for that, which
is what an idle core would need. Then the picture is dragged for a few seconds: `frame_ms` and
`frame_ms_p95` are the times between frames, `drawn` how many frames there were, and `frame_cpu_ms`
the processor time in each. `load` is the machine's over its cores meanwhile: where it is above 1,
times by the clock say little, unless the run was `realtime`: before all other work on its cores.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from _result import write
from browse_reports import CHROMIUM, launched, ready

sys.path.insert(0, str(Path(__file__).parents[1]))

LAYERS, HIDDEN, HEADS = 10, 1990, 10
PAIRS, TOKENS = 50, 24
DRAGS, STEP = 150, 6
PICTURE = "document.querySelector('canvas.board').toDataURL()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--runs", nargs="*", type=Path, default=[])
    asked = parser.parse_args()
    if not CHROMIUM:
        sys.exit("there is no chromium here; its path can be given in CHROMIUM")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        rows = [measured(browser, made_up(Path(folder)), "large", asked.tries)]
        rows += [measured(browser, run, run.name, asked.tries) for run in asked.runs]
    for row in rows:
        print(row)
    first = os.sched_getscheduler(0) == os.SCHED_RR
    before = f"chrt -r 1 taskset -c {min(os.sched_getaffinity(0))} " if first else ""
    rows = [row | {"cores": len(os.sched_getaffinity(0)), "realtime": first} for row in rows]
    write("report-size", rows, time.perf_counter() - began, before)


def made_up(root: Path) -> Path:
    """The folder of a run with one circuit of 10,000 nodes."""
    from tests.report.viewer.folders import UNIVERSE, Folder, shape

    from tapeout.circuits import Universe

    folder = Folder(root / "run")
    universe = Universe.of(shape(layers=LAYERS, hidden=HIDDEN, heads=HEADS), UNIVERSE)
    circuit = folder.nodes("one", universe, share=0.5)
    words = [f" word{n}" for n in range(99)]
    folder.activations("held", circuit, PAIRS, words, tokens=TOKENS)
    return folder.write()


def measured(browser: Any, run: Path, name: str, tries: int) -> dict[str, Any]:
    """One page: written, opened, dragged."""
    from tapeout.report import write_report

    write_report(run)  # what is imported on the way is not counted
    began = time.perf_counter()
    page = write_report(run).resolve()
    row: dict[str, Any] = {"page": name, "write_s": round(time.perf_counter() - began, 2)}
    row["megabytes"] = round(page.stat().st_size / 1e6, 2)
    opened = [_opened(browser, page) for _ in range(tries)]
    row["interactive_s"] = round(statistics.median(wall for wall, _ in opened), 2)
    row["cpu_s"] = round(statistics.median(cpu for _, cpu in opened), 2)
    return row | _dragged(browser, page) | {"load": round(os.getloadavg()[0] / os.cpu_count(), 1)}  # pyright: ignore[reportOptionalOperand]


def _opened(browser: Any, path: Path) -> tuple[float, float]:
    """Seconds until the Circuit view has been drawn, and what the browser computed for that."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    began = _browser_seconds()
    ready(page, f"{path.as_uri()}#view=circuit")
    wall = page.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame("
        "() => done(performance.now()))))"
    )
    cpu = _browser_seconds() - began
    marks = page.evaluate("performance.getEntriesByName('views-ready').map(one => one.startTime)")
    context.close()
    if not marks:
        raise SystemExit(f"{path} has no views")
    return wall / 1000, cpu


def _dragged(browser: Any, path: Path) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    ready(page, f"{path.as_uri()}#view=circuit")
    for _ in range(3):  # larger than what is in sight, so that there is something to move
        page.get_by_role("button", name="Enlarge").click()
    page.wait_for_timeout(500)
    box = page.locator("canvas.board").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(
        "() => { window.frames_ = []; const one = at => { window.frames_.push(at);"
        " window.raf_ = requestAnimationFrame(one); }; one(performance.now()); }"
    )
    before, began = page.evaluate(PICTURE), _browser_seconds()
    for step in range(DRAGS):  # to the left and back again
        x += STEP if (step // 50) % 2 else -STEP
        page.mouse.move(x, y)
    frames = page.evaluate("() => { cancelAnimationFrame(window.raf_); return window.frames_; }")
    own = _browser_seconds() - began
    if page.evaluate(PICTURE) == before:
        raise SystemExit("the picture did not move")
    context.close()
    gaps = sorted(after - before for before, after in pairwise(frames[1:]))
    return {
        "frame_ms": round(statistics.median(gaps), 1),
        "frame_ms_p95": round(gaps[int(0.95 * (len(gaps) - 1))], 1),
        "drawn": len(gaps),
        "frame_cpu_ms": round(1000 * own / len(frames), 1),
    }


def _browser_seconds() -> float:
    """Processor time that the browser's processes have taken so far; other work adds nothing."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            fields = rest.split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
            if "chrom" in name:
                ticks[int(stat.parent.name)] = int(fields[11]) + int(fields[12])
    total, left = 0, [os.getpid()]
    while left:
        own = left.pop()
        total += ticks.get(own, 0)
        left += children.get(own, [])
    return total / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
