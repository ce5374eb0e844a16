"""Running a model, or a circuit in it, over the examples of a split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..circuits import Circuit, EdgeCircuit
from ..errors import TaskError
from ..extraction import slice_model
from ..interventions import (
    Counterfactual,
    Mean,
    Partners,
    Replacement,
    Resample,
    Zero,
)
from ..models import Model, Sliced
from ..tasks import EXACT, Metric, Partner, Split
from ._intervals import Average, Share
from ._run import EdgeRun, Run


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came out, example by example in the split's order.

    Attributes:
        correct: whether it is right by the split's criterion.
        metrics: metric name -> its value for each example.
        kl: KL from the full model's next-token distribution at the answer, summed over its
            tokens, in nats; empty if it was not asked for.
    """

    correct: Bool[Tensor, " examples"]
    metrics: Mapping[str, Float[Tensor, " examples"]] = field(default_factory=dict)
    kl: Float[Tensor, " examples_or_none"] = field(default_factory=lambda: torch.empty(0))

    @property
    def accuracy(self) -> Share:
        return Share(int(self.correct.sum()), len(self.correct))

    def average(self, metric: str) -> Average:
        values = self.kl if metric == "kl" else self.metrics[metric]
        return Average.of([float(v) for v in values])


def evaluate(
    model: Model,
    split: Split,
    circuit: Circuit | EdgeCircuit | None = None,
    replacement: Replacement | None = None,
    *,
    metrics: Sequence[Metric] = (),
    kl: bool = False,
    batch_size: int = 64,
    transfer: bool = False,
    sliced: bool | None = None,
    generate: bool = False,
    partners: Partners | None = None,
) -> Outcome:
    """Run a split, teacher-forced or by generation, through the model or a circuit of it.

    Args:
        model: the model.
        split: the examples.
        circuit: run this alone; None runs the full model.
        replacement: what nodes (or edges) outside it are given; zero by default.
        metrics: measured beside correctness.
        kl: measure KL from the full model, which then runs too.
        batch_size: examples per forward.
        transfer: allow a circuit that was found in other weights of the same shape.
        sliced: run on a model that is cut to the circuit. None does so where it is exact (zero
            and mean replacement); the result is the same and comes faster.
        generate: decode greedily instead of teacher forcing; only `correct` is then measured, and
            always as the whole answer.
        partners: runs of the partner rows that several calls share, under a paired replacement.

    Raises:
        TaskError: a counterfactual is needed and an example has none; metrics or KL are asked of
            generated text; or edges are run in another way than under counterfactuals.
    """
    replacement = replacement or Zero()
    if generate and (metrics or kl):
        raise TaskError("metrics and KL are measured under teacher forcing, not on generated text")
    if generate and split.criterion is not EXACT:
        raise TaskError(
            f"{split.name} counts as right what {split.criterion.name} says, which takes logits, "
            "not generated text: use teacher forcing"
        )
    run, partner = prepare(
        model,
        split,
        circuit,
        replacement,
        transfer=transfer,
        sliced=sliced,
        generate=generate,
        partners=partners,
    )
    n = len(split)
    right = torch.zeros(n, dtype=torch.bool)
    values = {metric.name: torch.zeros(n) for metric in metrics}
    divergence = torch.zeros(n if kl else 0)
    with torch.no_grad(), model.frozen(), run.model.frozen():
        for batch in split.batches(batch_size, partner=partner):
            if generate:
                right[batch.rows] = run.generated(batch).cpu()
                continue
            logits = run.logits(batch)
            right[batch.rows] = split.criterion.of(logits, batch).cpu()
            for metric in metrics:
                values[metric.name][batch.rows] = metric.of(logits, batch).float().cpu()
            if kl:
                full = model.logits(batch.tokens, keep=batch.answer_length)
                divergence[batch.rows] = _kl(full, logits).cpu()
    return Outcome(right, values, divergence)


def prepare(
    model: Model,
    split: Split,
    circuit: Circuit | EdgeCircuit | None,
    replacement: Replacement,
    *,
    transfer: bool = False,
    sliced: bool | None = None,
    generate: bool = False,
    partners: Partners | None = None,
) -> tuple[Run, Partner | None]:
    """What runs a circuit over a split, and the partners that its batches need; see `evaluate`."""
    if circuit is not None:
        circuit.check(model, transfer=transfer)
    if isinstance(circuit, EdgeCircuit):
        if generate or type(replacement) is not Counterfactual:
            raise TaskError("edges are evaluated teacher-forced and under counterfactuals only")
        run: Run = EdgeRun(model, circuit, replacement, transfer)
    else:
        run = Run(model, circuit, replacement, transfer)
    if isinstance(circuit, Circuit):
        if not generate:
            run.partners = partners or Partners.of(model, circuit.universe, replacement)
        if cuttable(model, replacement) if sliced is None else sliced:
            run = Run(cut_for(model, circuit, replacement, split), None, replacement, transfer)
    if run.circuit is None or not replacement.paired:
        return run, None
    return run, "resample" if isinstance(replacement, Resample) else "counterfactual"


def cuttable(model: Model, replacement: Replacement) -> bool:
    """Whether running a circuit equals running a smaller model."""
    static = isinstance(replacement, Zero | Mean)
    return static and prefix_only(replacement) and not isinstance(model.hf, Sliced)


def cut_for(model: Model, circuit: Circuit, replacement: Replacement, split: Split) -> Model:
    """The circuit as a model of its own that is right for the prompts of a split."""
    assert isinstance(replacement, Zero | Mean)
    starts = {item.prompt[0] for item in split.encoded}
    tokens = [] if replacement.positions == "all" else sorted(starts)
    gates = circuit.universe.expand(circuit.kept)
    return slice_model(model, gates, replacement, tokens, share=True)


def prefix_only(replacement: Replacement) -> bool:
    """Whether what a position is given depends on nothing but the tokens before it.

    Then teacher forcing decides what greedy decoding would write: the first wrong token is wrong
    under both, and without one both write the same. Chosen positions move with the text.
    """
    positions = replacement.positions
    return isinstance(positions, str) and positions in ("all", "all_but_first")


def _kl(full: Tensor, other: Tensor) -> Float[Tensor, " rows"]:
    p, q = full.float().log_softmax(-1), other.float().log_softmax(-1)
    return (p.exp() * (p - q)).sum(dim=(-1, -2))
