from dataclasses import replace

import pytest
import torch

from tapeout.circuits import Universe
from tapeout.errors import CircuitError, InterventionError, RunError, TaskError
from tapeout.find.masks import (
    EDGES,
    PRESETS,
    HardConcrete,
    Heaviside,
    Linear,
    MaskConfig,
    Penalty,
    Target,
    learn_edges,
    learn_mask,
)
from tapeout.interventions import Counterfactual, Mean, Pasts, Zero, means_over
from tapeout.verify import evaluate

from ...tiny import Sizes
from ...words import learnable, word_model, word_task

SPEC = "attn.resid_delta:block, attn.z:head, mlp.post_act"


@pytest.fixture(scope="module")
def case():
    model = word_model(sizes=Sizes(layers=2))
    return model, learnable(word_task(), model)


def quick(**changes):
    settings = {"steps": 30, "batch_size": 4, "learning_rate": 0.1, "save_every": 5}
    return MaskConfig(**(settings | changes))


def planted(model, useful):
    """A model of which some MLP channels of layer 0 alone do anything."""
    with torch.no_grad():
        for index, layer in enumerate(model.hf.model.layers):
            layer.self_attn.o_proj.weight.zero_()
            down = layer.mlp.down_proj.weight
            if index:
                down.zero_()
            down[:, [c for c in range(down.shape[1]) if c not in useful]] = 0
            down *= 8
    return model


@pytest.mark.parametrize("gate", [HardConcrete(), Heaviside(), Linear()])
def test_finds_the_channels_that_alone_do_anything(gate):
    useful = [1, 4, 9]
    model = planted(word_model(sizes=Sizes(layers=2)), useful)
    task = learnable(word_task(), model)
    found = learn_mask(
        model,
        task.train,
        "mlp.post_act",
        config=quick(gate=gate, replacement="zero", size=Penalty(weight=0.3), steps=150),
    )
    assert sorted(found.scores.values.topk(3).indices.tolist()) == useful
    assert 3 <= found.circuit.size <= 6
    kept = found.scores.top(3)
    assert evaluate(model, task.test, kept, Zero()).accuracy.value == 1


@pytest.mark.parametrize("replacement", ["counterfactual", "resample", "zero", "mean", "scale"])
@pytest.mark.parametrize("objective", ["kl", "task", "candidates", "logit_difference"])
def test_every_replacement_and_objective_trains(case, replacement, objective):
    model, task = case
    means = means_over(model, task.reference, SPEC) if replacement == "mean" else None
    config = quick(replacement=replacement, objective=objective, steps=2)
    before = {name: p.clone() for name, p in model.hf.named_parameters()}
    found = learn_mask(model, task.train, SPEC, means=means, config=config)
    assert len(found.curve) == 2
    start = config.gate.start(len(found.scores.values), torch.Generator().manual_seed(config.seed))
    assert not torch.equal(found.scores.values, start)
    assert all(torch.equal(before[name], p) for name, p in model.hf.named_parameters())


def test_the_same_seed_gives_the_same_mask_and_another_seed_another(case):
    model, task = case
    first, again, other = (
        learn_mask(model, task.train, SPEC, config=quick(seed=seed, steps=6)) for seed in (0, 0, 1)
    )
    assert torch.equal(first.scores.values, again.scores.values)
    assert first.curve == again.curve
    assert not torch.equal(first.scores.values, other.scores.values)


@pytest.mark.parametrize("size", [Penalty(), Target(share=0.3, ramp=10)])
def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(case, size, tmp_path):
    model, task = case
    config = quick(steps=20, size=size, weight_decay=0.01)
    whole = learn_mask(model, task.train, SPEC, config=config)

    def stop(done, total):
        if done == 12:
            raise KeyboardInterrupt

    path = tmp_path / "mask.safetensors"
    with pytest.raises(KeyboardInterrupt):
        learn_mask(model, task.train, SPEC, config=config, checkpoint=path, progress=stop)
    steps = []
    resumed = learn_mask(
        model,
        task.train,
        SPEC,
        config=config,
        checkpoint=path,
        progress=lambda done, total: steps.append(done),
    )
    assert steps[0] == 11
    assert torch.equal(resumed.scores.values, whole.scores.values)
    assert resumed.curve == whole.curve


def test_a_checkpoint_that_is_torn_or_of_another_training(case, tmp_path):
    model, task = case
    path = tmp_path / "mask.safetensors"
    options = {"config": quick(steps=5), "checkpoint": path}
    learn_mask(model, task.train, SPEC, **options)
    with pytest.raises(RunError, match="of another training"):
        learn_mask(model, task.train, "mlp.post_act", **options)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunError, match="damaged"):
        learn_mask(model, task.train, SPEC, **options)


def test_a_target_is_reached(case):
    model, task = case
    config = quick(steps=200, size=Target(share=0.3, ramp=50), learning_rate=0.2)
    found = learn_mask(model, task.train, SPEC, config=config)
    assert abs(found.curve[-1]["share"] - 0.3) < 0.15


def test_patience_ends_a_training_that_no_longer_gains(case):
    model, task = case
    config = quick(steps=200, learning_rate=0.0, gate=Linear(), patience=7)
    found = learn_mask(model, task.train, SPEC, config=config)
    assert len(found.curve) < 30


def test_bad_input(case):
    model, task = case
    with pytest.raises(InterventionError, match="means"):
        learn_mask(model, task.train, SPEC, config=quick(replacement="mean"))
    with pytest.raises(CircuitError, match=r"no universe has a part 'attn\.z'"):
        learn_mask(model, task.train, SPEC, config=quick(size=Penalty(weights={"attn.z": 1.0})))
    with pytest.raises(CircuitError, match="target share"):
        learn_mask(model, task.train, SPEC, config=quick(size=Target(share=2.0)))
    where = {(g.layer, g.site) for g in Universe.of(model.shape, "mlp.post_act").groups}
    width = model.shape.width(0, "mlp.post_act")
    broken = Mean(values={w: torch.full((width,), float("nan")) for w in where}, reference="x")
    with pytest.raises(TaskError, match="lower the learning rate"):
        options = {"means": broken, "config": quick(replacement="mean")}
        learn_mask(model, task.train, "mlp.post_act", **options)


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_are_of_universes_that_exist(case, name):
    model, _ = case
    preset = PRESETS[name]
    if preset.universe == EDGES:
        preset.config.size.check({"edges": []})
        return
    assert Universe.of(model.shape, preset.universe).size
    known = [f"{site}:{kind}" for site, kind in Universe.of(model.shape, preset.universe).parts]
    preset.config.size.check({part: [] for part in known})


def test_edges_are_learned_by_the_same_loop(case, tmp_path):
    model, task = case
    config = quick(steps=150, size=Penalty(weight=0.5), learning_rate=0.2)
    path = tmp_path / "edges.safetensors"
    found = learn_edges(model, task.train, config=config, checkpoint=path)
    assert 0 < found.circuit.size < found.scores.universe.size
    kept = evaluate(model, task.train, found.circuit, Counterfactual(), kl=True).kl.mean()
    k = int(found.circuit.kept.sum())
    draw = torch.rand(found.scores.universe.size, generator=torch.Generator().manual_seed(0))
    chance = replace(found.scores, values=draw).top(k)
    assert kept < evaluate(model, task.train, chance, Counterfactual(), kl=True).kl.mean() / 2
    again = learn_edges(model, task.train, config=config, checkpoint=path)
    assert torch.equal(again.scores.values, found.scores.values)
    with pytest.raises(TaskError, match="counterfactual"):
        learn_edges(model, task.train, config=quick(replacement="zero"))


@pytest.mark.parametrize("replacement", ["counterfactual", "resample", "zero"])
def test_parts_of_a_batch_give_what_the_batch_gives(case, replacement):
    model, task = case
    found = [
        learn_mask(
            model,
            task.train,
            "attn.z, mlp.post_act",
            config=quick(steps=4, replacement=replacement, tokens_at_once=tokens),
        )
        for tokens in (1, 10_000)
    ]
    gap = (found[0].scores.values - found[1].scores.values).abs().max()
    assert gap <= 1e-3
    losses = [[entry["loss"] for entry in one.curve] for one in found]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_a_penalty_on_sums_weighs_every_node_alike():
    sizes = torch.tensor([0.5, 1.0, 0.25, 0.75])
    parts = {"attn.z:head": [slice(0, 1), slice(1, 2)], "mlp.post_act:channel": [slice(2, 4)]}
    loss = Penalty(weight=0.1, sums=True).loss(sizes, parts, 0, torch.zeros(0))
    assert float(loss) == pytest.approx(0.1 * 2.5)
    halved = Penalty(weight=0.1, sums=True, weights={"attn.z:head": 0.5})
    assert float(halved.loss(sizes, parts, 0, torch.zeros(0))) == pytest.approx(0.1 * 1.75)


@pytest.mark.parametrize("replacement", ["zero", "scale", "resample"])
def test_gates_at_the_last_position_train_as_they_do_in_the_whole_forward(
    case, replacement, monkeypatch
):
    model, task = case
    config = quick(replacement=replacement, positions="last", steps=6)
    quick_way = learn_mask(model, task.train, SPEC, config=config)
    monkeypatch.setattr(Pasts, "of", lambda *_: None)
    whole = learn_mask(model, task.train, SPEC, config=config)
    assert (quick_way.scores.values - whole.scores.values).abs().max() <= 1e-3
    everywhere = learn_mask(model, task.train, SPEC, config=quick(replacement=replacement, steps=6))
    assert not torch.equal(everywhere.scores.values, whole.scores.values)


def test_pasts_are_shared_between_masks(case):
    model, task = case
    pasts = Pasts(model)
    config = quick(replacement="zero", positions="last", steps=12)
    first = learn_mask(model, task.train, SPEC, pasts=pasts, config=config)
    kept = dict(pasts._known)
    again = learn_mask(model, task.train, SPEC, pasts=pasts, config=config)
    assert kept and kept == pasts._known
    assert torch.equal(first.scores.values, again.scores.values)


def test_a_training_ends_once_its_kept_set_no_longer_changes(case):
    model, task = case
    config = quick(
        steps=400,
        gate=Linear(first=0.6),
        learning_rate=0.02,
        unchanged=9,
        size=Penalty(weight=20.0),
    )
    curve = learn_mask(model, task.train, SPEC, config=config).curve
    changed = [entry["changed"] for entry in curve]
    assert changed[0] == 0 and len(curve) < 400  # it waits for the first change
    assert any(changed) and not any(changed[-9:]) and changed[-10]


def test_the_learning_rate_drops_every_so_many_steps(case):
    model, task = case
    config = quick(steps=6, gate=Linear(first=1.0), drop_every=2, drop_to=0.0)
    first = learn_mask(model, task.train, SPEC, config=replace(config, steps=2))
    whole = learn_mask(model, task.train, SPEC, config=config)
    assert len(whole.curve) == 6
    assert torch.equal(first.scores.values, whole.scores.values)
