"""LoRA on worked solutions: what is trained, what is learned from, which step is kept."""

import copy
import math
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, inject_adapter_in_model

from tapeout.amplify import LoraTuning, lora, lora_sweep
from tapeout.amplify._lessons import Lesson
from tapeout.amplify._lora_trainer import LoraTrainer
from tapeout.errors import AmplifyError, ReshapeError, RunError
from tapeout.reasoning import Frame, Problem, ProblemSplit, Prompting

from ..tiny import ALL_FAMILIES, gap, random_tokens
from .lessons import QUICK, SIZES, STILL, loss_by_hand, taught, trainer_of
from .parity import model as parity_model

SEVEN = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
NAMES = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text"), SEVEN),
    "olmo2": SEVEN,
    "phi3": {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"},
    "gpt2": {"c_attn", "c_proj", "c_fc"},
    "gpt_neox": {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},
}


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_the_merged_model_is_the_trained_one(family):
    model = parity_model(family, SIZES)
    trainer = trainer_of(model, QUICK)
    for _ in range(2):
        trainer.update()
    tokens = random_tokens(3, 6)
    with torch.no_grad(), trainer.copy.model.frozen():
        trained = trainer.copy.model.logits(tokens)
    trainer.finish()
    with torch.no_grad():
        assert gap(trainer.merged.logits(tokens), trained) <= 1e-5
        assert gap(trained, model.logits(tokens)) > 1e-4


@pytest.mark.parametrize("family", sorted(NAMES))
def test_the_adapter_stands_beside_attention_and_mlp_and_nothing_else(family):
    model = parity_model(family, SIZES)
    found = lora(model, taught(), QUICK)
    assert {name.split(".")[-2] for name in found.change.parts} == NAMES[family]
    before = model.hf.state_dict()
    moved = {n for n, t in found.model.hf.state_dict().items() if not torch.equal(t, before[n])}
    assert moved == set(found.change.parts)
    assert type(found.model.hf) is type(model.hf)
    assert found.model.hf.state_dict().keys() == before.keys()


def by_hand(model, task, config):
    """The recipe written down once more, problem by problem, nothing padded or shared."""
    hf = copy.deepcopy(model.hf)
    settings = LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=sorted(SEVEN))
    torch.manual_seed(config.seed)
    inject_adapter_in_model(settings, hf)
    trained = [p for p in hf.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1.0, weight_decay=config.weight_decay)
    trainer, losses = trainer_of(model, config, task), []
    for step in range(trainer.steps):
        trainer.step = step
        lessons = trainer._drawn()
        tokens = sum(len(lesson.solution) for lesson in lessons)
        optimizer.zero_grad()
        for lesson in lessons:
            row = torch.tensor([lesson.prompt + lesson.solution])
            labels = torch.tensor([[-100] * len(lesson.prompt) + list(lesson.solution)])
            loss = hf(row, labels=labels).loss * len(lesson.solution) / tokens
            loss.backward()
            losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(trained, config.clip)
        rise = min((step + 1) / config.warm_up, 1.0)
        along = max(step - config.warm_up, 0) / (trainer.steps - config.warm_up)
        fall = 0.5 * (1 + math.cos(math.pi * along))
        optimizer.param_groups[0]["lr"] = config.learning_rate * rise * fall
        optimizer.step()
    return hf, sum(losses) / trainer.steps


def test_it_is_the_papers_recipe():
    model, task = parity_model("llama", SIZES), taught()
    config = replace(STILL, reach="all")
    found = lora(model, task, config)
    hf, mean = by_hand(model, task, config)
    tokens = random_tokens(3, 6)
    with torch.no_grad():
        assert gap(found.model.logits(tokens), hf(input_ids=tokens.ids).logits) <= 1e-4
    assert sum(e["loss"] for e in found.curve) / len(found.curve) == pytest.approx(mean, abs=1e-4)


def test_it_learns_the_solutions():
    model, task = parity_model(), taught()
    found = lora(model, task, replace(STILL, epochs=20, learning_rate=3e-2))
    assert loss_by_hand(found.model, task) < 0.6 * loss_by_hand(model, task)


def test_dropout_is_of_the_seed_and_leaves_no_trace():
    model, task = parity_model("gpt2", SIZES), taught()
    state = torch.random.get_rng_state()
    twice = [lora(model, task, replace(QUICK, dropout=0.5)) for _ in range(2)]
    assert torch.equal(state, torch.random.get_rng_state())
    assert twice[0].model.fingerprint.weights == twice[1].model.fingerprint.weights
    other = lora(model, task, STILL)
    assert other.curve[0]["loss"] == pytest.approx(twice[0].curve[0]["loss"])  # products are 0
    assert other.curve[1]["loss"] != twice[0].curve[1]["loss"]
    trainer = trainer_of(model, QUICK)
    trainer.update()
    assert not any(module.training for module in trainer.copy.model.hf.modules())


def test_a_stopped_tuning_goes_on_as_it_would_have(tmp_path):
    model, task = parity_model(), taught()
    config = replace(QUICK, epochs=3, save_every=2)
    kinds = {"evaluate": lambda m: -abs(loss_by_hand(m, task) - 3.5)}
    whole = lora(model, task, config, **kinds)
    assert len(whole.curve) == 9
    path = tmp_path / "lora.safetensors"

    def stop(done, total):
        assert total == 9
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lora(model, task, config, checkpoint=path, progress=stop, **kinds)
    again = lora(model, task, config, checkpoint=path, **kinds)
    assert again.model.fingerprint.weights == whole.model.fingerprint.weights
    assert (again.curve, again.scores, again.step) == (whole.curve, whole.scores, whole.step)
    for changes in ({"seed": 1}, {"epochs": 4}):
        with pytest.raises(RunError, match="another training"):
            lora(model, task, replace(config, **changes), checkpoint=path, **kinds)


def test_the_earliest_best_is_kept_as_it_was_evaluated():
    model, task, seen = parity_model(), taught(), []

    def evaluate(candidate):
        assert not torch.is_grad_enabled() and not candidate.hf.training
        seen.append(candidate.fingerprint.weights)
        return [0.2, 0.5, 0.5, 0.1][len(seen) - 1]

    found = lora(model, task, replace(QUICK, epochs=2, every=2, batch=4), evaluate=evaluate)
    assert list(found.scores) == [0, 2, 4, 6] and found.step == 2 and found.score == 0.5
    assert found.model.fingerprint.weights == seen[1]
    assert seen[0] == model.fingerprint.weights
    assert found.change.applied(found.base).fingerprint.weights == seen[1]
    assert found.delta().apply(found.base).fingerprint.weights == seen[1]
    odd = lora(model, task, replace(QUICK, every=4), evaluate=lambda _: 0.0)
    assert list(odd.scores) == [0, 4, 6]


def test_the_base_is_a_candidate_bit_for_bit():
    model, task = parity_model(), taught()
    with torch.no_grad():
        next(iter(model.hf.parameters())).view(-1)[0] = -0.0
        model.hf.model.layers[0].mlp.up_proj.weight[0, 0] = -0.0
    found = lora(model, task, QUICK, evaluate=lambda _: 1.0)
    assert found.step == 0
    assert found.model.fingerprint.weights == model.fingerprint.weights
    known = lora(model, task, QUICK, evaluate=lambda _: 1.0, base_score=0.4)
    assert known.step == 2 and known.scores[0] == 0.4


def test_the_callers_model_is_untouched():
    model = parity_model("gpt2", SIZES)
    model.hf.train()
    for number, p in enumerate(model.hf.parameters()):
        p.requires_grad_(number % 2 == 0)
    flags = [p.requires_grad for p in model.hf.parameters()]
    modes = [module.training for module in model.hf.modules()]
    mark = model.fingerprint.weights
    found = lora(model, taught(), QUICK, evaluate=lambda _: 0.0)
    assert model.fingerprint.weights == mark
    assert [p.requires_grad for p in model.hf.parameters()] == flags
    assert [p.requires_grad for p in found.model.hf.parameters()] == flags
    assert [module.training for module in model.hf.modules()] == modes
    assert all(p.grad is None for p in [*model.hf.parameters(), *found.model.hf.parameters()])
    assert not any("lora" in name for name, _ in model.hf.named_modules())


def test_a_bfloat16_model_is_tuned_in_float32_and_says_so():
    model = parity_model()
    half = model.sibling(copy.deepcopy(model.hf).to(torch.bfloat16), "half")
    found = lora(half, taught(), QUICK)
    assert found.origin["loaded"] == "bfloat16"
    assert {p.dtype for p in found.model.hf.parameters()} == {torch.float32}


def test_what_is_no_longer_finite_is_told_or_left():
    model, task = parity_model(), taught()
    wild = replace(STILL, learning_rate=1e30, epochs=4)
    with pytest.raises(AmplifyError, match="lower the learning rate"):
        lora(model, task, wild)
    found = lora(model, task, wild, evaluate=lambda m: 0.0)
    assert found.step == 0 and found.diverged is not None
    assert found.model.fingerprint.weights == model.fingerprint.weights
    with pytest.raises(AmplifyError, match="must be a number"):
        lora(model, task, QUICK, evaluate=lambda m: math.nan)
    with torch.no_grad():
        model.hf.lm_head.weight.fill_(math.nan)
    with pytest.raises(AmplifyError, match="check the model for NaN"):
        lora(model, task, QUICK, evaluate=lambda m: 0.0)


@given(n=st.integers(1, 13), batch=st.integers(1, 6), epochs=st.integers(1, 3))
def test_every_epoch_sees_every_problem_once(n, batch, epochs):
    trainer = object.__new__(LoraTrainer)
    trainer.config = replace(QUICK, batch=batch, epochs=epochs)
    trainer.lessons = [Lesson((number,), (1,)) for number in range(n)]
    trainer.steps = epochs * math.ceil(n / batch)
    seen, rates = [], []
    for step in range(trainer.steps):
        trainer.step = step
        seen += [lesson.prompt[0] for lesson in trainer._drawn()]
        rates.append(trainer.rate())
    for epoch in range(epochs):
        assert sorted(seen[epoch * n : (epoch + 1) * n]) == list(range(n))
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) > 0 and max(rates) == trainer.config.learning_rate


def test_a_sweep_keeps_the_best_rate_and_evaluates_the_base_once(tmp_path):
    model, task, asked = parity_model(), taught(), []

    def evaluate(candidate):
        asked.append(candidate)
        return -round(loss_by_hand(candidate, task), 4)

    steps: list[tuple[int, int]] = []
    config = replace(STILL, epochs=1, every=9)
    found = lora_sweep(
        model,
        task,
        config,
        evaluate=evaluate,
        rates=(1e-2, 1e-5),
        checkpoints=tmp_path,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert [row["learning_rate"] for row in found.rows] == [1e-5, 1e-2]
    assert found.best.origin["config"]["learning_rate"] == 1e-2
    assert len(asked) == 3
    assert steps == [(i, 6) for i in range(1, 7)]
    with pytest.raises(AmplifyError, match="needs a learning rate"):
        lora_sweep(model, task, config, evaluate=evaluate, rates=())


def test_bad_problems_and_settings_are_told():
    model, task = parity_model(), taught()
    with pytest.raises(AmplifyError, match="no problems"):
        lora(model, task, QUICK, split=ProblemSplit("empty", ()))
    with pytest.raises(ReshapeError, match="choose a lower rank"):
        lora(model, task, replace(QUICK, rank=64))

    def long(kind):
        found = taught()
        object.__setattr__(found, "prefix_ids", lambda tokenizer: [3] * kind)
        return found

    with pytest.raises(AmplifyError, match="only 64 positions"):
        lora(model, long(70), QUICK)
    shot = Problem(
        question="?", solution=".", answer=Fraction(0), template_id="", instance_id=0, steps=1
    )
    frame = Frame(before="a", between="b", after="c")
    chat = replace(task, shots=(shot,), prompting=Prompting(frame=frame))
    with pytest.raises(AmplifyError, match="build the chat task without shots"):
        lora(model, chat, replace(QUICK, shots=False))
    for options in (
        {"rank": 0},
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"alpha": -1.0},
        {"dropout": 1.0},
        {"warm_up": -1},
    ):
        with pytest.raises(AmplifyError):
            LoraTuning(**options)
