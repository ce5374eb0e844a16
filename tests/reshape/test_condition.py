"""Conditioning: what is trained, what stays, and that it can be stopped."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model

from tapeout.circuits import Circuit, Universe
from tapeout.errors import ReshapeError, RunError
from tapeout.reshape import Conditioning, condition
from tapeout.reshape._condition import Trainer
from tapeout.tasks import OBJECTIVES

from ..tiny import ALL_FAMILIES, Sizes, gap, random_tokens
from ..words import learnable, word_model, word_task

SIZES = Sizes(d_mlp=16)
QUICK = Conditioning(
    rank=2, steps=6, batch_size=6, masked_batch=6, learning_rate=1e-2, warm_up=2, scored=6
)
OURS = replace(QUICK, masked=1.0, keep=0.1, start=0.5, refresh=2)


@pytest.fixture(scope="module")
def case():
    model = word_model(sizes=SIZES)
    return model, learnable(word_task(n=12, answer_words=2), model)


def state(model):
    return {name: p.clone() for name, p in model.hf.state_dict().items()}


def same(change, other):
    pairs = zip(change.dense(), other.dense(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_the_merged_model_is_the_trained_one(family, rank):
    model = word_model(family, SIZES)
    task = learnable(word_task(n=8), model)
    trainer = Trainer(model, task.train, [], None, replace(OURS, rank=rank, steps=3))
    for _ in range(3):
        trainer.update()
    tokens = random_tokens(3, 6)
    with torch.no_grad(), trainer.copy.model.frozen():
        trained = trainer.copy.model.logits(tokens)
    change = trainer.change()
    with torch.no_grad():
        assert gap(change.applied(model).logits(tokens), trained) <= 1e-5
        assert gap(trained, model.logits(tokens)) > 1e-4
        assert torch.equal(change.applied(model, 0.0).logits(tokens), model.logits(tokens))


def test_the_base_is_left_alone(case):
    model, task = case
    before, flags = state(model), [p.requires_grad for p in model.hf.parameters()]
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    condition(model, task.train, config=OURS)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(value, before[name]) for name, value in model.hf.state_dict().items())
    assert [p.requires_grad for p in model.hf.parameters()] == flags
    assert not any(module._forward_hooks for module in model.hf.modules())
    assert not any("lora" in name for name, _ in model.hf.named_modules())


def paper_by_hand(model, split, config):
    """The recipe of the paper, written down once more: an adapter, cross-entropy and KL."""
    import copy

    hf = copy.deepcopy(model.hf)
    names = [name for name, m in hf.named_modules() if isinstance(m, torch.nn.Linear)]
    names.remove("lm_head")
    torch.manual_seed(config.seed)
    adapter = {"r": config.rank, "lora_alpha": config.rank, "use_rslora": True}
    inject_adapter_in_model(LoraConfig(target_modules=names, **adapter), hf)
    trained = [p for p in hf.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=0.0)
    batches = list(split.batches(config.batch_size))
    for step in range(config.steps):
        epoch, place = divmod(step, len(batches))
        order = torch.randperm(len(batches), generator=torch.Generator().manual_seed(epoch))
        batch = batches[int(order[place])]
        inputs = {"input_ids": batch.tokens.ids, "attention_mask": batch.tokens.mask}
        inputs["position_ids"] = batch.tokens.position_ids
        logits = hf(**inputs).logits[:, -batch.answer_length :]
        with torch.no_grad():
            base = model.hf(**inputs).logits[:, -batch.answer_length :].log_softmax(-1)
        logp = logits.log_softmax(-1)
        entropy = -logp.gather(-1, batch.answers[..., None]).mean()
        kl = (base.exp() * (base - logp)).sum(-1).mean()
        optimizer.zero_grad()
        (entropy + 0.05 * kl).backward()
        torch.nn.utils.clip_grad_norm_(trained, config.clip)
        warm = min((step + 1) / config.warm_up, 1)
        optimizer.param_groups[0]["lr"] = config.learning_rate * warm * (1 - step / config.steps)
        optimizer.step()
    return hf


def test_without_the_masked_term_it_is_the_papers_recipe(case):
    model, task = case
    plain = condition(model, task.train, config=QUICK)
    options = {"keep": 0.3, "start": 0.9, "replacements": ("zero",), "masked_batch": 3}
    assert same(plain.change, condition(model, task.train, config=QUICK, **{}).change)
    assert same(plain.change, condition(model, task.train, config=replace(QUICK, **options)).change)
    by_hand = paper_by_hand(model, task.train, QUICK)
    tokens = random_tokens(3, 6)
    with torch.no_grad():
        expected = by_hand(input_ids=tokens.ids).logits
        assert gap(plain.change.applied(model).logits(tokens), expected) <= 1e-5


def test_the_masked_term_is_the_circuits_loss(case):
    """At weight 1 alone, the first entry of its curve is the loss of the top nodes."""
    from tapeout.find import attribution
    from tapeout.interventions import Zero
    from tapeout.verify import evaluate

    model, task = case
    config = replace(OURS, ce=0.0, kl=0.0, replacements=("zero",), masked_batch=12, scored=12)
    first = condition(model, task.train, config=replace(config, steps=1)).curve[0]
    masked = Trainer(model, task.train, [], None, config).masked
    assert masked is not None
    batch = masked.batches.at(0)
    scores = attribution(model, task.train, "mlp.post_act", baseline="zero", batch_size=12)
    top = scores.top(share=0.5)
    outcome = evaluate(
        model, task.train.subset(batch.rows.tolist(), "first"), top, Zero(), metrics=[loss()]
    )
    assert first["share"] == 0.5
    assert first["masked"] == pytest.approx(outcome.average("loss").value, abs=1e-5)


def loss():
    from tapeout.tasks import Metric

    def of(logits, batch):
        return OBJECTIVES["task"](logits, batch, torch.empty(0)) / batch.answer_length

    return Metric("loss", "cross-entropy a token", of)


def test_the_circuit_shrinks_geometrically(case):
    model, task = case
    masked = Trainer(model, task.train, [], None, replace(OURS, steps=10, anneal=0.5)).masked
    assert masked is not None
    shares = [masked.share(step) for step in range(10)]
    assert shares[0] == 0.5 and shares[5:] == pytest.approx([0.1] * 5)
    ratios = [b / a for a, b in pairwise(shares[:6])]
    assert ratios == pytest.approx([ratios[0]] * 5)
    wide = Trainer(
        model, task.train, [], None, replace(OURS, steps=10, anneal=0.5, spread=3.0)
    ).masked
    assert wide is not None
    drawn = [wide.share(step) / share for step, share in enumerate(shares)]
    assert all(1 <= ratio <= 3 for ratio in drawn) and max(drawn) > 1.5


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("family", ["llama", "phi3", "gpt2", "gemma2"])
def test_slots_confine_what_changes(family, rank):
    model = word_model(family, SIZES)
    task = learnable(word_task(n=8), model)
    universe = Universe.of(model.shape, "mlp.post_act")
    kept = torch.rand(universe.size, generator=torch.Generator().manual_seed(1)) < 0.3
    circuit = Circuit(universe, kept)
    change = condition(model, task.train, slots=circuit, config=replace(OURS, rank=rank)).change
    changed = change.applied(model).hf.state_dict()
    gates = universe.expand(kept)
    moved = 0
    for name, old in model.hf.state_dict().items():
        parts = name.split(".")
        new = changed[name]
        if ".mlp." not in name or parts[-1] == "bias":
            assert torch.equal(old, new), name
            continue
        layer = next(int(part) for part in parts if part.isdigit())
        gate = gates[layer, "mlp.post_act"].bool()
        stored = family == "gpt2"
        down = "down_proj" in name or ".mlp.c_proj" in name
        old, new = (old.T, new.T) if stored else (old, new)
        if down:
            old, new = old.T, new.T  # one row a channel, as those of gate and up
        shut = ~torch.cat([gate] * (len(old) // len(gate)))
        assert torch.equal(old[shut], new[shut]), name
        moved += int((old != new).sum())
    assert moved > 0


@pytest.mark.parametrize("config", [QUICK, OURS, replace(OURS, rank=0)])
def test_a_stopped_training_goes_on_as_it_would_have(case, tmp_path, config):
    model, task = case
    config = replace(config, anchor=1.0)
    whole = condition(model, task.train, anchors=[task.reference], config=config)
    path = tmp_path / "training.safetensors"
    first = Trainer(model, task.train, [task.reference], None, config)
    for _ in range(3):
        first.update()
    first.save(path)
    resumed = condition(model, task.train, anchors=[task.reference], config=config, checkpoint=path)
    assert same(whole.change, resumed.change)
    assert whole.curve == resumed.curve


def test_a_checkpoint_of_another_training_is_refused(case, tmp_path):
    model, task = case
    path = tmp_path / "training.safetensors"
    Trainer(model, task.train, [], None, QUICK).save(path)
    with pytest.raises(RunError, match="another training"):
        condition(model, task.train, config=replace(QUICK, rank=3), checkpoint=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match="damaged"):
        condition(model, task.train, config=QUICK, checkpoint=path)


def test_an_anchor_holds_the_model_back(case):
    model, task = case
    config = replace(QUICK, kl=0.0, steps=12)
    free = condition(model, task.train, anchors=[task.reference], config=config)
    held = condition(
        model, task.train, anchors=[task.reference], config=replace(config, anchor=20.0)
    )
    assert held.change.norm() < free.change.norm()


def test_the_form_alone_can_be_taught(case):
    """Supervising the end of answers is cross-entropy of their last token."""
    model, task = case
    config = replace(QUICK, supervise="end", kl=0.0, batch_size=12, steps=1)
    first = condition(model, task.train, config=config).curve[0]
    batch = Trainer(model, task.train, [], None, config).on_task.batches.at(0)
    with torch.no_grad():
        logits = model.logits(batch.tokens, keep=1)[:, 0]
    expected = torch.nn.functional.cross_entropy(logits, batch.answers[:, -1])
    assert first["ce"] == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"anchor": 1.0}, "nothing to anchor on"),
        ({"rank": 4000}, "choose a lower rank"),
        ({"keep": 0.0}, "must keep something"),
        ({"ce": 0.0, "kl": 0.0}, "nothing to train on"),
        ({"steps": 0}, "at least 1"),
        ({"spread": 0.5}, "starts at 1"),
        ({"kl": -1.0}, "starts at 0"),
        ({"masked": 1.0, "replacements": ("mean",)}, "zero and counterfactual"),
        ({"learning_rate": 0.0}, "must be above 0"),
        ({"learning_rate": 1e30}, "the loss is nan at step"),
    ],
)
def test_what_cannot_be_carried_out_is_told(case, options, told):
    model, task = case
    with pytest.raises(ReshapeError, match=told):
        condition(model, task.train, **({"steps": 3, "rank": 2} | options))


def test_bfloat16_trains_float32_weights(case):
    model, task = case
    config = replace(OURS, precision="bfloat16")
    change = condition(model, task.train, config=config).change
    assert all(part.dtype == torch.float32 for _, part in change.dense())
    assert change.norm() > 0
