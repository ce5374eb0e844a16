"""Public benchmarks by lm-evaluation-harness, which is an extra."""

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ..errors import AmplifyError, nearest
from ..models import Model
from ._harness_tasks import SHOTS, rows_of

Task = str | Mapping[str, Any]


def harness(
    model: Model,
    tasks: Sequence[Task] = tuple(SHOTS),
    *,
    shots: Mapping[str, int] | None = None,
    limit: int | None = None,
    batch_size: int = 8,
    seed: int = 1234,
) -> list[dict[str, Any]]:
    """Run benchmarks of lm-evaluation-harness on a model.

    Args:
        model: the model, which stays as it is.
        tasks: names of its tasks and groups, by default those of the paper; or configs of tasks
            as the harness has them in YAML, which may read local files.
        shots: worked examples by task, beside the paper's; a task in neither has its own default.
        limit: only the first so many questions of every task, in a group of every member.
        batch_size: rows at once.
        seed: of the choice of worked examples.

    Returns:
        Rows of `task`, `metric`, `value`, `stderr`, `n` and `shots`.

    Raises:
        AmplifyError: the harness is not installed, has no task of that name, or cannot reach a
            data set.

    Source: paper 2, section 4.1 and appendix D; the numbers of shots are its public code's.
    """
    lm_eval, wrapper = _installed()
    for task in tasks:
        _check(lm_eval, task)
    wanted = {**SHOTS, **(shots or {})}
    rows: list[dict[str, Any]] = []
    with _undisturbed(model):
        lm = wrapper(
            pretrained=model.hf,
            tokenizer=copy.deepcopy(model.tokenizer),  # the harness sets its padding
            backend="causal",
            batch_size=batch_size,
        )
        for task in tasks:  # one by one, since a call has one number of shots
            name = _name(task)
            rows += rows_of(_run(lm_eval, lm, task, wanted.get(name), limit, seed), name)
    return rows


def _run(
    lm_eval: Any, lm: Any, task: Task, shots: int | None, limit: int | None, seed: int
) -> Mapping[str, Any]:
    try:
        return lm_eval.simple_evaluate(
            model=lm,
            tasks=[task if isinstance(task, str) else dict(task)],
            num_fewshot=shots,
            limit=limit,
            log_samples=False,
            fewshot_random_seed=seed,
        )
    except Exception as error:
        if not _unreached(error):
            raise
        raise AmplifyError(
            f"the data of {_name(task)} cannot be read ({type(error).__name__}: {error}): allow "
            "the hub, put the data set into its cache, or ask local questions with MultipleChoice"
        ) from error


def _installed() -> tuple[Any, Any]:
    try:
        import lm_eval  # pyright: ignore[reportMissingImports]
        from lm_eval.models.huggingface import HFLM  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise AmplifyError(
            f"public benchmarks need lm-evaluation-harness ({error}): pip install "
            "'tapeout[harness]', or ask local questions with MultipleChoice"
        ) from error
    return lm_eval, HFLM


def _check(lm_eval: Any, task: Task) -> None:
    if not isinstance(task, str):
        if "task" not in task:
            raise AmplifyError("a task's config has its name under `task`")
        return
    known = lm_eval.tasks.TaskManager().all_tasks
    if task not in known:
        raise AmplifyError(f"the harness has no task {task!r}: {nearest(task, SHOTS)}")


def _name(task: Task) -> str:
    return task if isinstance(task, str) else task["task"]


def _unreached(error: BaseException) -> bool:
    """Whether a data set could not be had, whichever layer below the harness says so."""
    layers = ("datasets", "huggingface_hub", "httpx", "requests", "fsspec", "aiohttp")
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in layers


@contextmanager
def _undisturbed(model: Model) -> Iterator[None]:
    """The harness seeds every generator, and puts the model into evaluation mode."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(), torch.no_grad(), model.frozen():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
