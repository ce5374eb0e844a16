import pytest
import torch

from tapeout.errors import ModelError, RunError
from tapeout.sparse.bridges import Bridges, BridgeTrainer, crossings, train_bridges

from ..small import Counting
from .pair import CONFIG, WINDOWS, dense_model, sparse_model, training, weights


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.values(), two.values(), strict=True))


def test_it_brings_the_models_together_and_leaves_the_dense_one_alone():
    dense, sparse = dense_model(), sparse_model()
    before = weights(dense), weights(sparse)
    flags = [p.requires_grad for p in dense.hf.parameters()]
    found = train_bridges(dense, sparse, WINDOWS, training(steps=80))
    assert same(weights(dense), before[0]) and same(weights(sparse), before[1])
    assert [p.requires_grad for p in dense.hf.parameters()] == flags
    assert all(p.grad is None for p in dense.hf.parameters())
    first, last = found.trained.curve[0], found.trained.curve[-1]
    assert all(last[name] < 0.8 * first[name] for name in ("to_sparse", "to_dense"))
    assert found.trained.counts.density < 0.6


@pytest.mark.parametrize("crossing", [0, 2])
def test_a_killed_training_goes_on_bit_for_bit(tmp_path, crossing):
    config = training(crossing=crossing)
    whole = train_bridges(dense_model(), sparse_model(), WINDOWS, config)
    trainer = BridgeTrainer(dense_model(), sparse_model(), WINDOWS, config, None, 0)
    for _ in range(7):
        trainer.update()
    trainer.save(tmp_path / "training")
    place = {"checkpoint": tmp_path / "training"}
    resumed = train_bridges(dense_model(), sparse_model(), WINDOWS, config, seed=3, **place)
    assert same(weights(resumed.sparse), weights(whole.sparse))
    assert same(resumed.bridges.state_dict(), whole.bridges.state_dict())
    assert resumed.trained.curve == whole.trained.curve
    with pytest.raises(RunError, match="another training"):
        train_bridges(dense_model(sinks=True), sparse_model(), WINDOWS, config, **place)


def test_every_window_crosses_everywhere_in_its_turn():
    trainer = BridgeTrainer(dense_model(), sparse_model(), WINDOWS, training(crossing=2), None, 0)
    met = torch.zeros(4, 8, dtype=torch.long)
    for trainer.step in range(8):
        for place, rows in enumerate(trainer._crossing(8)):
            met[place, rows] += 1
    assert (met == 2).all()


def test_weights_of_losses_are_heeded():
    """Without KL towards the sparse model and without errors, no gradient reaches encoders."""
    trainer = BridgeTrainer(
        dense_model(), sparse_model(), WINDOWS, training(nmse=0.0, to_sparse=0.0), None, 0
    )
    trainer.update()
    moved = {
        name: bool(p.grad is not None and p.grad.any())
        for name, p in trainer.bridges.named_parameters()
    }
    assert all(moves == ("decoder" in name) for name, moves in moved.items())


def test_bridges_follow_the_size_of_a_growing_stream():
    trainer = BridgeTrainer(dense_model(), sparse_model(), WINDOWS, CONFIG, None, 0)
    bridge = trainer.bridges[3]
    first = bridge.sparse_rms.item()
    with torch.no_grad():
        trainer.parameters["transformer.wte.weight"].mul_(50)
    for _ in range(12):
        trainer.update()
    now = size_of(trainer.ours.run(WINDOWS.at(12)[:, :-1]).streams[3])
    assert now > 3 * first
    assert bridge.sparse_rms.item() == pytest.approx(now, rel=0.4)
    decoded = bridge.decode(now * torch.randn(64, trainer.ours.width))
    assert size_of(decoded) == pytest.approx(bridge.dense_rms.item(), rel=0.4)


def size_of(stream: torch.Tensor) -> float:
    return torch.linalg.vector_norm(stream, dim=-1).mean().item() / stream.shape[-1] ** 0.5


def test_measured_by_window_and_place(tmp_path):
    dense, windows = dense_model(), Counting(rows=6).at(99)
    found = train_bridges(dense, sparse_model(), WINDOWS, CONFIG, validation=windows)
    found.sparse.save_pretrained(tmp_path)
    found.bridges.save(tmp_path)
    bridges = Bridges.load(tmp_path)
    assert same(bridges.state_dict(), found.bridges.state_dict())
    assert bridges.weights == found.bridges.weights
    one, two = (
        crossings(dense, found.sparse, bridges, windows, batch_size=size) for size in (6, 4)
    )
    assert one.tokens == 6 * 8
    assert one.to_dense.loss.shape == one.to_sparse.kl.shape == (6, 4)
    assert torch.allclose(one.to_dense.kl, two.to_dense.kl, atol=1e-6)
    # of the last run into the dense model only its last MLP is its own
    assert (one.to_sparse.kl > 0).all() and (one.to_dense.kl > 0).all()


def test_bridges_of_other_models(tmp_path):
    dense = dense_model()
    found = train_bridges(dense, sparse_model(), WINDOWS, CONFIG)
    with pytest.raises(ModelError, match="of a dense model with other weights than sparse"):
        crossings(found.sparse, found.sparse, found.bridges, WINDOWS.at(0))
    with pytest.raises(ModelError, match="of a sparse model with other weights"):
        found.bridges.check(dense, sparse_model())
    with pytest.raises(ModelError, match="there are no bridges"):
        Bridges.load(tmp_path)
    found.bridges.save(tmp_path)
    config = (tmp_path / "bridges_config.json").read_text()
    (tmp_path / "bridges_config.json").write_text(config.replace('version": 2', 'version": 1'))
    with pytest.raises(ModelError, match=r"schema 1, .* reads 2: .* train them again"):
        Bridges.load(tmp_path)
    (tmp_path / "bridges_config.json").write_text(config)
    (tmp_path / "bridges.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="damaged"):
        Bridges.load(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [{"nmse": -1.0}, {"crossing": -1}, {"bridge_rate": 0.0}, {"method": "hard-concrete"}],
)
def test_bad_settings(wrong):
    with pytest.raises(ModelError):
        training(**wrong)


def test_bad_share():
    with pytest.raises(ModelError, match="share"):
        train_bridges(dense_model(), sparse_model(), WINDOWS, training(bridge_share=0.01))


def test_errors_train_the_bridges_alone():
    """Whatever they weigh, the sparse model's gradient is the same."""
    found = []
    for weight in (0.0, 100.0):
        config = training(nmse=weight, gradient="free")
        trainer = BridgeTrainer(dense_model(), sparse_model(), WINDOWS, config, None, 0)
        trainer.update()
        found.append({name: p.grad for name, p in trainer.parameters.items()})
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient)
