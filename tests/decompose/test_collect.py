"""Gradients of whole data sets: in memory, on disk, begun and gone on with."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.decompose import (
    Collecting,
    Directions,
    ExplicitGradients,
    StoredGradients,
    StructuredGradients,
    collect,
    draw_references,
    gradients,
)
from tapeout.decompose._store import Store
from tapeout.errors import DecomposeError

from .nets import Net, assert_same, some_ids

CONFIG = Collecting(divergence="kl", samples="token", batch_size=3, rows_at_once=2, seed=4)


@given(st.integers(2, 40), st.integers(0, 99))
def test_no_sample_is_its_own_reference(count, seed):
    drawn = draw_references(count, torch.Generator().manual_seed(seed))
    assert bool(((drawn >= 0) & (drawn < count) & (drawn != torch.arange(count))).all())
    assert torch.equal(drawn, draw_references(count, torch.Generator().manual_seed(seed)))


def test_references_reach_all_others_and_itself_only_if_asked():
    generator = torch.Generator().manual_seed(0)
    pairs = torch.stack([draw_references(4, generator) for _ in range(200)])
    assert [set(column.tolist()) for column in pairs.T] == [{0, 1, 2, 3} - {i} for i in range(4)]
    drawn = draw_references(200, generator, itself=True)
    assert bool((drawn == torch.arange(200)).any())


@pytest.mark.parametrize("path", ["structured", "general"])
def test_on_disk_as_in_memory(tmp_path, path, monkeypatch):
    monkeypatch.setattr("tapeout.decompose._store.BLOCK", 7)
    net, inputs = Net(tied=True), some_ids(8, 4)
    config = Collecting(divergence="kl", samples="token", batch_size=3, path=path)
    seen = []
    memory = collect(net, inputs, config)
    disk = collect(net, inputs, config, folder=tmp_path, progress=lambda *p: seen.append(p))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert isinstance(disk, StoredGradients) and len(disk) == len(memory) == 32
    assert disk.shapes == memory.shapes
    assert_same(disk, memory, 0)
    pick, scales = torch.tensor([30, 2, 2, 17]), torch.tensor([1.0, -1.0, 2.0, 0.5])
    assert_same(disk.rows(pick).scaled(scales), memory.rows(pick).scaled(scales), 0)
    directions = Directions.random(disk.shapes, 3, 1, torch.Generator().manual_seed(0))
    torch.testing.assert_close(disk.contract(directions), memory.contract(directions))
    torch.testing.assert_close(disk.squared_norms(), memory.squared_norms())
    torch.testing.assert_close(disk.products(disk), memory.products(memory), rtol=1e-4, atol=1e-5)
    near = disk.rows(pick).approximated(1)
    torch.testing.assert_close(near.norms(), memory.rows(pick).approximated(1).norms())


def test_sequences_of_other_lengths_join():
    net = Net()
    short, long = (gradients(net, some_ids(3, length), samples="last") for length in (2, 5))
    both = StructuredGradients.cat([short, long])
    assert_same(both.rows(torch.arange(3)), short)
    assert_same(both.rows(torch.arange(3, 6)), long)


@pytest.mark.parametrize("where", ["batch", "data"])
def test_what_samples_are_compared_with(where):
    net, inputs = Net(), some_ids(7, 3)
    config = Collecting(references=where, batch_size=4, seed=3)
    found = collect(net, inputs, config)
    generator = torch.Generator().manual_seed(3)
    if where == "data":
        places = draw_references(7, generator)
    else:
        places = torch.cat([draw_references(4, generator), 4 + draw_references(3, generator)])
    assert_same(found, gradients(net, inputs, places))


def test_a_killed_collection_goes_on(tmp_path):
    net, inputs = Net(), some_ids(8, 4)

    def kill(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(net, inputs, CONFIG, folder=tmp_path, progress=kill)
    with pytest.raises(DecomposeError, match="lacks 1 of 3 batches"):
        StoredGradients.load(tmp_path)
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("*.safetensors"))]
    seen = []
    found = collect(net, inputs, CONFIG, folder=tmp_path, progress=lambda *p: seen.append(p))
    assert seen == [(3, 3)] and len(times) == 2
    assert times == [p.stat().st_mtime_ns for p in sorted(tmp_path.glob("*.safetensors"))][:2]
    assert_same(found, collect(net, inputs, CONFIG))


def test_a_collection_goes_on_by_the_path_that_it_began_with(tmp_path):
    net, inputs = Net(), some_ids(8, 4)
    collect(net, inputs, CONFIG, folder=tmp_path)
    (tmp_path / "000001.safetensors").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "write", lambda self, batch, found: kinds.append(type(found)))
        kinds = []
        with pytest.raises(DecomposeError, match="lacks 1 of 3"):
            collect(net, inputs, CONFIG, folder=tmp_path)
        assert kinds == [StructuredGradients]
        patch.setattr(Store, "path", "general")
        with pytest.raises(DecomposeError, match="lacks 1 of 3"):
            collect(net, inputs, CONFIG, folder=tmp_path)
    assert kinds == [StructuredGradients, ExplicitGradients]


def test_a_folder_belongs_to_one_model_data_set_and_config(tmp_path):
    net, inputs = Net(), some_ids(8, 4)
    collect(net, inputs, CONFIG, folder=tmp_path)
    for others in ((Net(seed=1), inputs, CONFIG), (net, some_ids(8, 4, 1), CONFIG)):
        with pytest.raises(DecomposeError, match="use another folder"):
            collect(*others, folder=tmp_path)
    with pytest.raises(DecomposeError, match="use another folder"):
        collect(net, inputs, Collecting(), folder=tmp_path)
    (tmp_path / "000001.safetensors").write_bytes(b"torn")
    with pytest.raises(DecomposeError, match="damaged"):
        StoredGradients.load(tmp_path).dense()
    with pytest.raises(DecomposeError, match="no gradients"):
        StoredGradients.load(tmp_path / "elsewhere")


def test_too_little_data():
    with pytest.raises(DecomposeError, match="no rows"):
        collect(Net(), some_ids(0, 4))
    with pytest.raises(DecomposeError, match="one sample has no other"):
        collect(Net(), some_ids(1, 4))
    assert len(collect(Net(), some_ids(1, 4), Collecting(itself=True))) == 1
