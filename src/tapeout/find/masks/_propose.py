"""Which settings a sweep tries next: by Optuna, or on a grid."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice, product
from typing import Literal

from ...errors import RunError
from ._space import Axis, Settings

Sampler = Literal["optuna", "grid"]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Settings that were tried.

    Attributes:
        values: what is to be small: the share of nodes kept and the loss; None if it failed.
    """

    settings: Settings
    values: tuple[float, float] | None


def sampler_of(wanted: Literal["auto", "optuna", "grid"]) -> Sampler:
    """The sampler meant: Optuna where it is installed.

    Raises:
        RunError: Optuna is asked for and is not installed.
    """
    there = find_spec("optuna") is not None
    if wanted == "optuna" and not there:
        raise RunError(
            "this sweep needs Optuna, which is not installed: pip install 'tapeout[sweep]', or set "
            "the sampler to grid"
        )
    if wanted == "grid" or not there:
        return "grid"
    return "optuna"


def propose(
    sampler: Sampler, axes: Sequence[Axis], tried: Sequence[Tried], seed: int
) -> Settings | None:
    """The settings to try after those that were tried; None if a grid has no more.

    They depend on the arguments alone, so that a sweep that was killed goes on as it would have.
    The first are the centre.
    """
    if sampler == "grid":
        return next(islice(grid(axes), len(tried), None), None)
    if not tried:
        return {axis.name: axis.centre for axis in axes}
    return _by_optuna(axes, tried, seed)


def grid(axes: Sequence[Axis]) -> Iterator[Settings]:
    """The centre, then grids that halve their steps, each from the centre outwards.

    The order does not depend on how many points are taken, so that a sweep can be prolonged.
    """
    seen = set()
    steps, new = 2, True
    while new:
        new = False
        points = product(range(steps + 1), repeat=len(axes))
        for point in sorted(points, key=lambda p: sum((2 * i - steps) ** 2 for i in p)):
            values = tuple(axis.at(i / steps) for axis, i in zip(axes, point, strict=True))
            if values not in seen:
                seen.add(values)
                new = True
                yield {axis.name: value for axis, value in zip(axes, values, strict=True)}
        steps *= 2


def _by_optuna(axes: Sequence[Axis], tried: Sequence[Tried], seed: int) -> Settings:
    """One suggestion of the tree-structured Parzen estimator for two objectives.

    The study is built anew from what was tried, and the sampler seeded by how many that are, so
    there is no state to keep.
    """
    import optuna
    from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
    from optuna.trial import TrialState, create_trial

    ranges: dict[str, BaseDistribution] = {
        axis.name: IntDistribution(int(axis.low), int(axis.high), log=axis.log)
        if axis.whole
        else FloatDistribution(axis.low, axis.high, log=axis.log)
        for axis in axes
    }
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                seed=(1_000_003 * seed + len(tried)) % 2**32, multivariate=True
            )
        study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
        for past in tried:
            state = TrialState.FAIL if past.values is None else TrialState.COMPLETE
            params = dict(past.settings)
            study.add_trial(
                create_trial(state=state, params=params, distributions=ranges, values=past.values)
            )
        return dict(study.ask(ranges).params)
    finally:
        optuna.logging.set_verbosity(before)
