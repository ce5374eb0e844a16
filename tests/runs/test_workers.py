import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from tapeout.errors import RunError, TaskError
from tapeout.runs import _run, parse_recipe, run_recipe
from tapeout.runs._session import Session
from tapeout.runs._store import Store
from tapeout.runs._workers import Workers, _Job, _portable, _Processes, workers

from .test_run import events, results, without_times


def branches(source):
    """Two chains that meet at their end only, and one stage under two names."""
    stages = source["stages"]
    load, task, means, scores = (stages[name] for name in ("model", "task", "means", "scores"))
    both = {}
    for name, dtype in (("one", "auto"), ("two", "float32")):
        both[name] = load | {"dtype": dtype}
        both[f"{name}-task"] = task | {"model": name}
        both[f"{name}-means"] = means | {"model": name, "task": f"{name}-task"}
        reads = {"model": name, "task": f"{name}-task", "means": f"{name}-means"}
        both[f"{name}-scores"] = scores | reads
    both["again"] = both["one-scores"]
    return source | {"stages": both}


def test_side_by_side_gives_the_same_numbers(source, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    at_once, sent, start, send = [], [], _Processes.start, _Processes._send

    def counted(self, planned, keep):
        start(self, planned, keep)
        at_once.append({running.name for running in self.running})

    def noted(worker, what):
        sent.append(what)
        send(worker, what)

    monkeypatch.setattr(_Processes, "start", counted)
    monkeypatch.setattr(_Processes, "_send", staticmethod(noted))
    recipe = parse_recipe(branches(source))
    finished = run_recipe(recipe, tmp_path / "a" / "run", jobs=2)
    run_recipe(recipe, tmp_path / "b" / "run")
    assert list(finished) == [planned.name for planned in recipe.stages]
    one, two = (without_times(results(tmp_path / x / "run")) for x in "ab")
    assert {what.threads for what in sent if isinstance(what, _Job)} == {1}
    for stage in (*one["stages"].values(), *two["stages"].values()):
        stage.pop("machine", None)  # has the threads
    assert one == two and list(one["stages"]) == list(two["stages"])
    told = [(e["event"], e["stage"]) for e in events(tmp_path / "a" / "run")]
    assert ("reused", "again") in told  # at work on it twice would be an error
    started = {stage: place for place, (event, stage) in enumerate(told) if event == "start"}
    ended = {stage: place for place, (event, stage) in enumerate(told) if event == "done"}
    for planned in recipe.stages[:-1]:
        for read in filter(None, planned.inputs.values()):
            assert ended[read.name] < started[planned.name]
    assert at_once[:2] == [{"one"}, {"one", "two"}] and max(map(len, at_once)) == 2


class Held(Workers):
    """Two at once: a stage runs when one is waited for, the oldest first."""

    free = True

    def __init__(self, store, tell):
        self.session, self.tell, self.held = Session(store), tell, []
        self.at_once = []

    def __exit__(self, *exception):
        assert not self.held

    @property
    def running(self):
        return self.held

    def start(self, planned, keep):
        self.held = [*self.held, planned]
        self.free = len(self.held) < 2

    def ended(self):
        self.at_once.append([planned.name for planned in self.held])
        first, *self.held = self.held
        self.free = True
        try:
            self.session.run(first, self.tell)
        except TaskError as error:
            return [(first, error)]
        return [(first, None)]


@pytest.fixture
def too_hard(source, monkeypatch):
    source = branches(source)
    source["stages"]["one-task"]["minimum"] = 1.1
    monkeypatch.setattr(_run, "workers", lambda jobs, *rest: Held(*rest))
    return parse_recipe(source)


def test_a_failure_lets_the_others_end(too_hard, tmp_path):
    with pytest.raises(TaskError, match="below 110%"):
        run_recipe(too_hard, tmp_path / "run", jobs=2)
    told = [(e["event"], e["stage"]) for e in events(tmp_path / "run")]
    assert told[-1] == ("ended", "")
    after = told[told.index(("failed", "one-task")) + 1 :]
    assert ("done", "two-task") in after and ("start", "two-means") not in after
    assert list(results(tmp_path / "run")["stages"]) == ["one", "two", "two-task"]


def test_what_a_model_cannot_do_is_told_and_the_rest_goes_on(too_hard, tmp_path):
    unreached: dict[str, str] = {}
    finished = run_recipe(too_hard, tmp_path / "run", jobs=2, unreached=unreached)
    assert list(finished) == ["one", "two", "two-task", "two-means", "two-scores"]
    assert "below 110%" in unreached["one-task"] and len(unreached) == 1


def test_a_process_that_is_killed_is_told_and_loses_nothing_else(source, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    recipe = parse_recipe(source)
    model, task = recipe.stages[:2]
    store, said = Store(tmp_path / ".stages"), []

    def tell(event, stage, **details):
        said.append((event, stage))

    Session(store).run(model, tell)
    with workers(2, store, tell) as some:
        some.start(task, {model.key})
        (process,) = some._busy
        os.kill(process.process.pid, signal.SIGKILL)
        ((planned, error),) = some.ended()
        assert planned is task and some.free and not some.running
        assert isinstance(error, RunError) and "exit code -9" in str(error)
        assert said[-1] == ("failed", "task")
        some.start(task, {model.key})
        assert some.ended() == [(task, None)]
    record = store.record(task)
    assert record and said[-1] == ("done", "task")
    assert record["machine"]["threads"] == 2  # it began with one: another could have come beside it


class Torn(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def test_errors_reach_the_run_as_they_were(tmp_path):
    def raised(error):
        try:
            raise error
        except Exception as caught:
            return _portable(caught)

    meant = raised(TaskError("no foils"))
    assert type(meant) is TaskError and not hasattr(meant, "__notes__")
    unforeseen = raised(KeyError("layer"))
    assert type(unforeseen) is KeyError and "in raised" in unforeseen.__notes__[0]
    assert "Torn: one two" in str(raised(Torn("one", "two")))  # cannot be made again from its text


STOPPED = """
import json, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
from tapeout.runs import parse_recipe, run_recipe
def watch(event, stage, **details):
    if stage == "mask" and event == "progress" and details["done"] > 3:
        print("here", flush=True)
if __name__ == "__main__":
    run_recipe(parse_recipe(json.loads(sys.argv[1])), sys.argv[2], watch, jobs=2)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_goes_on_when_the_run_is_stopped(source, tmp_path, how):
    stages = {name: source["stages"][name] for name in ("model", "task", "means")}
    mask = {"kind": "mask", "universe": "mlp.post_act", "steps": 100000, "batch_size": 4}
    source["stages"] = stages | {"mask": mask | {"weight": 0.1}}
    (tmp_path / "run.py").write_text(STOPPED)
    command = [sys.executable, str(tmp_path / "run.py"), json.dumps(source), str(tmp_path / "r")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout and process.stdout.readline() == "here\n"
    process.send_signal(how)
    process.wait()
    process.stdout.close()
    heard = [e["event"] for e in events(tmp_path / "r")]
    assert (heard[-2:] == ["failed", "ended"]) is (how == signal.SIGINT)
    recipe = parse_recipe(source)
    store = Store(tmp_path / ".stages")
    for _ in range(100):  # a process whose run was killed ends at its next word
        try:
            with store.working(recipe.stages[-1]):
                break
        except RunError:
            time.sleep(0.1)
    else:
        pytest.fail("something is still at work on the stage")


def test_jobs_below_one(source, tmp_path):
    with pytest.raises(RunError, match="jobs is 0"):
        run_recipe(parse_recipe(source), tmp_path, jobs=0)
