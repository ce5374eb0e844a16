from dataclasses import replace

import pytest
import torch

from tapeout.circuits import Circuit, Universe
from tapeout.errors import CircuitError, InterventionError
from tapeout.interventions import Counterfactual, Resample, Zero, means_over
from tapeout.tasks import LOG_LIKELIHOOD, Split
from tapeout.verify import evaluate
from tapeout.verify.compose import Routed, evaluate_routed

from ...tiny import gap
from .cases import SPEC, case

MODEL, TASK, _ = case()
UNIVERSE = Universe.of(MODEL.shape, SPEC)


def some(seed, share=0.8):
    draw = torch.rand(UNIVERSE.size, generator=torch.Generator().manual_seed(seed))
    return Circuit(UNIVERSE, draw < share)


def fills():
    means = means_over(MODEL, TASK.reference, SPEC)
    return [Zero(), means, Counterfactual(), Resample(), Zero(positions="all")]


@pytest.mark.parametrize("fill", fills(), ids=lambda fill: f"{fill.name}-{fill.positions}")
@pytest.mark.parametrize("steps", [1, 3, 5])
def test_one_circuit_at_every_step_is_that_circuit(fill, steps):
    for seed in range(3):
        circuit = some(seed)
        plain = evaluate(MODEL, TASK.test, circuit, fill, metrics=[LOG_LIKELIHOOD], sliced=False)
        routed = Routed.of([circuit] * steps)
        found = evaluate_routed(MODEL, TASK.test, routed, fill, metrics=[LOG_LIKELIHOOD])
        assert torch.equal(found.correct, plain.correct)
        assert gap(found.metrics["log_likelihood"], plain.metrics["log_likelihood"]) < 1e-5


@pytest.mark.parametrize("clean", [False, True])
def test_teacher_forcing_equals_generation(clean):
    """Whatever the steps' circuits are: each writes one token after what was written so far."""
    routed = replace(Routed.of([some(at) for at in range(3)]), clean_prefix=clean)
    for fill in (Zero(), means_over(MODEL, TASK.reference, SPEC)):
        forced = evaluate_routed(MODEL, TASK.test, routed, fill).correct
        assert written(routed, fill) == [
            (answer if right else None)
            for answer, right in zip(answers(), forced.tolist(), strict=True)
        ]


def answers():
    return [example.answers[0] for example in TASK.test]


def written(routed, fill):
    """What greedy decoding writes, one token at a time; None where it is wrong."""
    texts = [""] * len(TASK.test)
    for _ in range(3):
        texts = [
            f"{text} w{next_token(routed, fill, example.prompt, text)}"
            for example, text in zip(TASK.test, texts, strict=True)
        ]
    return [text if text == right else None for text, right in zip(texts, answers(), strict=True)]


def next_token(routed, fill, prompt, text):
    from tapeout.tasks import Example
    from tapeout.verify.compose._routed import routed_logits

    example = Example(prompt=prompt, answers=(f"{text} w5",))
    (batch,) = Split("one", [example], MODEL.tokenizer).batches()
    with torch.no_grad(), MODEL.frozen():
        return int(routed_logits(MODEL, routed, batch, fill, None)[0, -1].argmax())


def test_a_step_applies_at_its_own_position():
    """A token's logits depend on the circuits up to it, and on no later one."""
    one, two = some(0, 0.5), some(1, 0.5)
    logs = []
    for last in (one, two):
        routed = Routed(prompt=one, steps=(one, one, last))
        from tapeout.verify.compose._bench import right_at
        from tapeout.verify.compose._routed import routed_logits

        (batch,) = TASK.test.take(4).batches()
        with torch.no_grad(), MODEL.frozen():
            logs.append(routed_logits(MODEL, routed, batch, Zero(), None))
        assert right_at(7).of(logs[-1], batch).isnan().all()
    assert torch.equal(logs[0][:, :2], logs[1][:, :2])
    assert gap(logs[0][:, 2], logs[1][:, 2]) > 1e-3


def test_sizes_count_every_node_once():
    one, two = some(0), some(1)
    routed = Routed.of([one, two])
    assert routed.size == (one | two).size and routed.prompt == one | two
    assert routed.step(0) is one and routed.step(9) is two
    with pytest.raises(CircuitError, match="at least one step"):
        Routed(prompt=one, steps=())
    with pytest.raises(InterventionError, match="take turns"):
        evaluate_routed(MODEL, TASK.test, routed, Zero(positions="last"))
