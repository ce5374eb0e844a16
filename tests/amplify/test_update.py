"""Targeted updates: what moves, what stays, which step is kept."""

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.amplify import Updating, sweep, update
from tapeout.amplify._chosen import chosen_lines
from tapeout.amplify._loss import differences, losses, rows_of, weights_of
from tapeout.amplify._trainer import Trainer
from tapeout.errors import AmplifyError, RunError

from ..tiny import ALL_FAMILIES, VOCAB, Sizes, gap, some_sizes, tiny
from .localised import some_circuit, some_records

QUICK = Updating(steps=3, learning_rate=0.05, rows=2)
REACHES = ("behind_prefix", "all", "last")


def mean_difference(model, records):
    """Each record alone, by an ordinary forward."""
    found = []
    for record in records:
        ids = torch.tensor([records.prefix + record.tokens])
        with torch.no_grad():
            logits = model.hf(ids).logits[0, -1]
        found.append(float(logits[record.desired] - logits[record.undesired]))
    return sum(found) / len(found)


@pytest.mark.parametrize("family", ALL_FAMILIES)
@settings(max_examples=6)
@given(sizes=some_sizes())
def test_all_but_the_chosen_lines_stays_bit_for_bit(family, sizes):
    model, records = tiny(family, sizes), some_records()
    circuit = some_circuit(model, seed=sizes.seed)
    before = {name: t.clone() for name, t in model.hf.state_dict().items()}
    new = update(model, records, circuit, replace(QUICK, steps=2)).model.hf
    chosen = {own.name: own for own in chosen_lines(model, circuit)}
    moved = 0
    stored = dict(new.named_parameters())
    for name, old in before.items():
        tensor = new.state_dict()[name]
        if name in stored and name in chosen:
            own = chosen[name]
            moved += int((own.of(tensor) != own.of(old)).sum())
            tensor = tensor.clone()
            own.put(tensor, own.of(old))
        assert torch.equal(tensor.view(torch.uint8), old.view(torch.uint8)), name
    assert moved > 0
    assert all(torch.equal(model.hf.state_dict()[name], old) for name, old in before.items())


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_differences_are_those_of_each_record_alone(family, reach):
    model = tiny(family, Sizes(layers=2))
    for prefix in (0, 4):
        records = some_records(prefix=prefix)
        stem = model.stem(records.prefix) if prefix else None
        total = 0.0
        for rows in rows_of(records, range(len(records)), [1.0] * len(records), 2):
            with torch.no_grad():
                total += float(differences(model, rows, stem, reach).sum())
        assert total / len(records) == pytest.approx(mean_difference(model, records), abs=1e-4)


def test_the_gradient_uses_each_records_own_tokens():
    """Two records in one part against the same two one after the other."""
    model = tiny("llama")
    records = some_records(4)
    same = replace(
        records,
        records=tuple(replace(r, tokens=records.records[0].tokens) for r in records.records[:2]),
    )
    together, apart = (
        Trainer(model, same, None, replace(QUICK, rows=rows, loss="logit_difference"), None)
        for rows in (2, 1)
    )
    for trainer in (together, apart):
        trainer._gradients()
    for name, value in together.trained.values.items():
        other = apart.trained.values[name].grad
        if value.grad is None or other is None:
            assert value.grad is other
        else:
            assert gap(value.grad, other) <= 1e-5
    assert together._gradients()["loss"] == pytest.approx(-mean_difference(model, same), abs=1e-5)


def test_gradients_through_all_positions_are_those_of_a_plain_backward():
    model, records = tiny("qwen3"), some_records()
    config = replace(QUICK, reach="all", balanced=False)
    trainer = Trainer(model, records, None, config, None)
    trainer._gradients()
    plain = copy.deepcopy(model.hf)
    for record in records:
        logits = plain(torch.tensor([records.prefix + record.tokens])).logits[0, -1]
        difference = logits[record.desired] - logits[record.undesired]
        (-torch.nn.functional.logsigmoid(difference) / len(records)).backward()
    for name, p in plain.named_parameters():
        own = trainer.trained.values[name].grad
        assert own is not None and p.grad is not None
        assert gap(own, p.grad) <= 1e-5


def test_reach_leaves_queries_of_a_single_layer_and_changes_keys():
    """With one layer, only the last position's query and MLP have a part in the last logits."""
    model, records = tiny("llama", Sizes(layers=1)), some_records()
    found = {}
    for reach in REACHES:
        trainer = Trainer(
            model, records, some_circuit(model, share=1.0), replace(QUICK, reach=reach), None
        )
        trainer._gradients()
        found[reach] = {name: v.grad for name, v in trainer.trained.values.items()}
    for name, whole in found["all"].items():
        for reach in ("behind_prefix", "last"):
            same = gap(found[reach][name], whole) <= 1e-6
            assert same == ("k_proj" not in name and "v_proj" not in name), (name, reach)
    keys = next(name for name in found["all"] if "k_proj" in name)
    assert gap(found["last"][keys], found["behind_prefix"][keys]) > 1e-6


@pytest.mark.parametrize("loss", ["log_sigmoid", "logit_difference"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_an_update_raises_the_desired_tokens(loss, optimizer):
    model, records = tiny("gemma2"), some_records()
    rate = 0.02 if optimizer == "sgd" else 1e-3
    config = replace(QUICK, loss=loss, optimizer=optimizer, learning_rate=rate, steps=5)
    found = update(model, records, some_circuit(model), config)
    assert mean_difference(found.model, records) > mean_difference(model, records)
    curve = [entry["loss"] for entry in found.curve]
    assert curve == sorted(curve, reverse=True) and len(curve) == 5
    assert found.curve[0]["difference"] == pytest.approx(mean_difference(model, records), abs=1e-4)
    assert found.step == 5 and found.score is None


def test_the_bounded_loss_fades_where_the_papers_does_not():
    difference = torch.tensor([-40.0, 0.0, 40.0], requires_grad=True)
    losses(difference, "log_sigmoid").sum().backward()
    assert difference.grad is not None
    assert difference.grad.tolist() == pytest.approx([-1.0, -0.5, 0.0], abs=1e-6)
    assert losses(difference, "logit_difference").tolist() == [40.0, 0.0, -40.0]


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_balanced_records_weigh_the_same_on_both_sides(kinds):
    record = some_records(1).records[0]
    records = [replace(record, greedy_right=kind) for kind in kinds]
    weights = weights_of(records, balanced=True)
    assert sum(weights) == pytest.approx(len(kinds))
    right = sum(w for w, kind in zip(weights, kinds, strict=True) if kind)
    if 0 < sum(kinds) < len(kinds):
        assert right == pytest.approx(len(kinds) / 2)
    assert weights_of(records, balanced=False) == [1.0] * len(kinds)


def test_the_loss_is_the_weighted_mean_over_the_records():
    model, records = tiny("llama"), some_records(5)
    singles = [mean_difference(model, replace(records, records=(r,))) for r in records]
    right = [r.greedy_right for r in records]
    assert sum(right) == 2
    expected = 0.0
    for difference, kind in zip(singles, right, strict=True):
        expected += math.log1p(math.exp(-difference)) * (0.5 / 2 if kind else 0.5 / 3)
    found = update(model, records, some_circuit(model), replace(QUICK, steps=1)).curve[0]
    assert found["loss"] == pytest.approx(expected, abs=1e-5)
    assert found["difference"] == pytest.approx(sum(singles) / 5, abs=1e-5)


@given(st.integers(1, 12), st.integers(1, 5))
def test_every_record_is_in_one_part(n, most):
    records = some_records(n)
    parts = list(rows_of(records, range(n), [float(i) for i in range(n)], most))
    assert all(len(part.weights) <= most for part in parts)
    assert sorted(w for part in parts for w in part.weights.tolist()) == list(range(n))


def test_steps_are_evaluated_on_the_papers_schedule_and_the_earliest_best_is_kept():
    model, records, asked = tiny("llama"), some_records(), []

    def evaluate(candidate):
        asked.append(mean_difference(candidate, records))
        return [0.5, 0.2, 0.7, 0.7, 0.1][min(len(asked) - 1, 4)]

    config = replace(QUICK, steps=23, learning_rate=1e-3)
    found = update(model, records, some_circuit(model), config, evaluate=evaluate)
    assert list(found.scores) == [0, 2, 4, 6, 8, 10, 20, 23]
    assert found.step == 4 and found.score == 0.7
    assert mean_difference(found.model, records) == pytest.approx(asked[2], abs=1e-6)
    four = update(model, records, some_circuit(model), replace(config, steps=4))
    assert found.model.fingerprint.weights == four.model.fingerprint.weights


def test_the_base_is_a_candidate():
    model, records = tiny("llama"), some_records()
    score = lambda _: 1.0  # noqa: E731
    found = update(model, records, some_circuit(model), QUICK, evaluate=score)
    assert found.step == 0
    assert found.model.fingerprint.weights == model.fingerprint.weights
    known = update(model, records, some_circuit(model), QUICK, evaluate=score, base_score=0.4)
    assert known.step == 2 and known.scores[0] == 0.4


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("masked", [True, False])
def test_a_stopped_update_goes_on_as_it_would_have(tmp_path, optimizer, masked):
    model, records = tiny("phi3"), some_records(6)
    circuit = some_circuit(model) if masked else None
    config = replace(QUICK, steps=7, optimizer=optimizer, sample=4, learning_rate=1e-2)
    score = lambda m: -abs(mean_difference(m, records) - 0.5)  # noqa: E731
    whole = update(model, records, circuit, config, evaluate=score)
    path = tmp_path / "update.safetensors"

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update(model, records, circuit, config, checkpoint=path, progress=stop, evaluate=score)
    again = update(model, records, circuit, config, checkpoint=path, evaluate=score)
    assert again.model.fingerprint.weights == whole.model.fingerprint.weights
    assert (again.curve, again.scores, again.step) == (whole.curve, whole.scores, whole.step)
    with pytest.raises(RunError, match="another training"):
        update(model, records, circuit, replace(config, seed=1), checkpoint=path, evaluate=score)


def test_a_step_that_may_not_be_kept_is_passed_over(tmp_path):
    model, records = tiny("llama"), some_records(6)
    start = mean_difference(model, records)

    def rising_but(most):
        def score(model):
            found = mean_difference(model, records)
            return found if found <= most else -math.inf

        return score

    config = replace(QUICK, steps=7)
    whole = update(model, records, None, config, evaluate=rising_but(math.inf))
    assert whole.step == 7 and whole.scores[4] < whole.scores[7]
    most, path = whole.scores[4], tmp_path / "update.safetensors"
    for steps in (6, 7):  # the second goes on from a score that is no number
        config = replace(config, steps=steps)
        how = {"checkpoint": path, "evaluate": rising_but(most)}
        found = update(model, records, None, config, **how)
        assert found.step == 4 and found.score == most and found.scores[steps] == -math.inf
    with pytest.raises(AmplifyError, match="must be a number"):
        update(model, records, None, config, evaluate=rising_but(start - 1))


def test_what_is_no_longer_finite_is_told_or_left():
    model, records = tiny("llama"), some_records()
    wild = replace(QUICK, learning_rate=1e30, loss="logit_difference", steps=12)
    with pytest.raises(AmplifyError, match="lower the learning rate"):
        update(model, records, None, wild)
    found = update(model, records, None, wild, evaluate=lambda m: 0.0)
    assert found.step == 0 and found.diverged is not None
    assert found.model.fingerprint.weights == model.fingerprint.weights
    with pytest.raises(AmplifyError, match="must be a number"):
        update(model, records, None, QUICK, evaluate=lambda m: math.nan)
    broken = tiny("llama")
    with torch.no_grad():
        broken.hf.lm_head.weight.fill_(math.nan)
    with pytest.raises(AmplifyError, match="check the model for NaN"):
        update(broken, records, None, QUICK, evaluate=lambda m: 0.0)


def test_random_signs_move_every_weight_as_far_and_stay_what_they_are():
    model, records = tiny("llama"), some_records()
    circuit = some_circuit(model)
    base = dict(model.hf.named_parameters())

    def moves(steps, **options):
        config = replace(QUICK, steps=steps, learning_rate=1e-3, **options)
        new = update(model, records, circuit, config).model.hf
        return {name: p.detach() - base[name] for name, p in new.named_parameters()}

    plain, drawn, later = moves(1), moves(1, random_sign=True), moves(2, random_sign=True)
    agree = total = kept = 0
    for name, move in plain.items():
        assert gap(move.abs(), drawn[name].abs()) <= 1e-6
        clear = move.abs() > 1e-5
        agree += int((move.sign() == drawn[name].sign())[clear].sum())
        kept += int((later[name].sign() == drawn[name].sign())[clear].sum())
        total += int(clear.sum())
    assert total > 100 and 0.3 < agree / total < 0.7
    assert kept / total > 0.95
    seeded = moves(1, random_sign=True, seed=1)
    assert any(not torch.equal(seeded[name], drawn[name]) for name in drawn)


def test_a_bfloat16_model_is_updated_in_float32_and_says_so():
    model, records = tiny("llama"), some_records()
    half = model.sibling(copy.deepcopy(model.hf).to(torch.bfloat16), "half")
    mark = half.fingerprint
    found = update(half, records, some_circuit(half), replace(QUICK, learning_rate=1e-6))
    assert found.origin["loaded"] == "bfloat16"
    assert {p.dtype for p in found.model.hf.parameters()} == {torch.float32}
    base = dict(found.base.hf.named_parameters())
    for name, p in half.hf.named_parameters():
        assert torch.equal(base[name], p.float())
    assert found.model.fingerprint.weights != found.base.fingerprint.weights
    assert half.fingerprint == mark


def test_the_callers_model_is_untouched():
    model, records = tiny("gpt2"), some_records()
    model.hf.train()
    for number, p in enumerate(model.hf.parameters()):
        p.requires_grad_(number % 2 == 0)
    flags = [p.requires_grad for p in model.hf.parameters()]
    modes = [module.training for module in model.hf.modules()]
    state, mark = torch.random.get_rng_state(), model.fingerprint.weights
    seen = {}

    def evaluate(candidate):
        seen["grad"] = torch.is_grad_enabled()
        seen["training"] = candidate.hf.training
        return 0.0

    config = replace(QUICK, random_sign=True, sample=2)
    found = update(model, records, some_circuit(model), config, evaluate=evaluate)
    assert seen == {"grad": False, "training": False}
    assert torch.equal(state, torch.random.get_rng_state())
    assert model.fingerprint.weights == mark
    assert [p.requires_grad for p in model.hf.parameters()] == flags
    assert [p.requires_grad for p in found.model.hf.parameters()] == flags
    assert [module.training for module in model.hf.modules()] == modes
    for hf in (model.hf, found.model.hf):
        assert all(p.grad is None for p in hf.parameters())
        assert not any(m._forward_hooks for m in hf.modules())


def test_a_sweep_keeps_the_best_rate_and_evaluates_the_base_once(tmp_path):
    model, records, asked = tiny("llama"), some_records(), []

    def evaluate(candidate):
        asked.append(candidate)
        return round(mean_difference(candidate, records), 4)

    steps: list[tuple[int, int]] = []
    found = sweep(
        model,
        records,
        some_circuit(model),
        replace(QUICK, steps=2),
        evaluate=evaluate,
        rates=(1e-2, 1e-4, 3e-2),
        checkpoints=tmp_path / "rates",
        progress=lambda done, total: steps.append((done, total)),
    )
    assert [row["learning_rate"] for row in found.rows] == [1e-4, 1e-2, 3e-2]
    best = max(found.rows, key=lambda row: row["score"])
    assert found.best.origin["config"]["learning_rate"] == best["learning_rate"]
    assert len(asked) == 4
    assert steps == [(i, 6) for i in range(1, 7)]
    assert len(list((tmp_path / "rates").iterdir())) == 3
    with pytest.raises(AmplifyError, match="needs a learning rate"):
        sweep(model, records, None, QUICK, evaluate=evaluate, rates=())


def test_bad_sets_and_settings_are_told():
    model, records = tiny("llama"), some_records()
    empty = replace(records, records=())
    with pytest.raises(AmplifyError, match="no records"):
        update(model, empty, None)
    strange = replace(records.records[0], desired=VOCAB)
    with pytest.raises(AmplifyError, match="another tokenizer"):
        update(model, replace(records, records=(strange,)), None)
    wrong: list[dict[str, Any]] = [
        {"steps": 0},
        {"learning_rate": 0.0},
        {"sample": -1},
        {"projections": ()},
        {"projections": ("out",)},
    ]
    for options in wrong:
        with pytest.raises(AmplifyError):
            Updating(**options)
