"""Attribution: a first-order estimate of what replacing each node would cost."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..circuits import Scores, Universe
from ..errors import TaskError
from ..interventions import Mean
from ..models import Model
from ..tasks import Batch, Metric, Split
from ._gradients import GradientRun
from ._metric import NEGATIVE_KL, resolve

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """How nodes are scored: gradient x (activation - baseline), summed over a node's channels.

    Attributes:
        baseline: what a dropped node would be given. `zero` scores gradient x activation;
            `counterfactual` gradient x (activation - counterfactual), which is attribution
            patching (Syed et al. 2023); `mean` needs the argument `means`. A score serves best
            under its own replacement.
        integrate: `none` takes the gradient at the clean run; `inputs` averages it along the
            straight path from the baseline's embeddings to the clean ones (EAP-IG, Hanna et al.
            2024); `activations` along the path of a site's own activations, one site of one layer
            at a time: exact in sum, and as many times slower as there are such sites.
        steps: points on the path (midpoints of equal parts).
        aggregate: `example` takes the absolute value of an example's sum over positions, `position`
            that at every position, `signed` none; then all take the mean over examples.
        correct_only: use only the examples that the model gets right.
        batch_size: examples per forward.
    """

    baseline: Literal["zero", "counterfactual", "mean"] = "counterfactual"
    integrate: Literal["none", "inputs", "activations"] = "none"
    steps: int = 5
    aggregate: Literal["position", "example", "signed"] = "example"
    correct_only: bool = False
    batch_size: int = 32


def attribution(
    model: Model,
    split: Split,
    universe: str | Universe = "mlp.post_act",
    *,
    metric: Metric | str | None = None,
    means: Mean | None = None,
    config: Attribution | None = None,
    within: Callable[[Batch], AbstractContextManager[None]] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Scores:
    """Score every node of a universe by what the metric would lose with it, to first order.

    Streams over batches: memory does not grow with the number of examples. The first position
    does not count, since replacements exempt it.

    Args:
        model: the model; it is not changed.
        split: the examples, as a rule `task.train`.
        universe: the nodes, such as `mlp.post_act, attn.z:head`.
        metric: a task's metric, its name, or `kl` (to the model's own clean output; needs
            `integrate`, since at the clean run its gradient is zero). Default: the logit
            difference where every example has a foil, else the log likelihood.
        means: what `baseline="mean"` stands for.
        config: how; or its fields as keyword arguments.
        within: inside what the clean runs of a batch happen, such as a `restrict` that some
            positions are under already; what is replaced there scores 0.
        progress: called with the examples done and all of them.

    Raises:
        TaskError: the metric does not fit the examples, an example lacks a counterfactual, means
            are missing, or no example is left to score.
        CircuitError: the universe does not exist in this model, or a score is not finite.
    """
    config = config or Attribution(**options)
    nodes = Universe.of(model.shape, universe)
    measured = resolve(metric, split)
    if measured is NEGATIVE_KL and config.integrate == "none":
        raise TaskError(
            "at the clean run KL is at its minimum and its gradient zero: use integrate='inputs'"
        )
    if config.baseline == "mean" and means is None:
        raise TaskError("baseline='mean' needs means: pass a Mean, as in Mean.over(...)")
    run = GradientRun(
        model=model,
        universe=nodes,
        metric=measured,
        means=means if config.baseline == "mean" else None,
        integrate=config.integrate,
        steps=config.steps,
        aggregate=config.aggregate,
        correct_only=config.correct_only,
        criterion=split.criterion,
        within=within or (lambda batch: nullcontext()),
    )
    partner = "counterfactual" if config.baseline == "counterfactual" else None
    done = 0
    with model.frozen():
        for batch in split.batches(config.batch_size, partner=partner):
            run.add(batch)
            done += len(batch)
            if progress is not None:
                progress(done, len(split))
    if not run.examples:
        raise TaskError(f"{model.name} gets none of {split.name} right: nothing to attribute")
    origin = {
        "method": "attribution",
        "config": asdict(config),
        "split": split.name,
        "n": run.examples,
        "metric": {"name": measured.name, "definition": measured.definition},
    }
    return Scores(nodes, run.values(), model.fingerprint, origin)
