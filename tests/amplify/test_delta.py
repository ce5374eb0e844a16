"""Deltas: exact both ways, small, and refused where they do not fit."""

import copy
import json
import math
import struct
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout import load
from tapeout.amplify import Delta, combine, update
from tapeout.amplify._chosen import chosen_lines
from tapeout.amplify._flips import Flips, bits_of
from tapeout.circuits import Circuit, Universe
from tapeout.errors import AmplifyError
from tapeout.extraction import extract
from tapeout.interventions import Zero
from tapeout.models import Model

from ..tiny import ALL_FAMILIES, Sizes, random_circuit, some_sizes, tiny
from .localised import PARTS, some_circuit, some_records

DTYPES = {torch.float32: torch.int32, torch.bfloat16: torch.int16, torch.float16: torch.int16}


def edited(model: Model, circuit: Circuit | None, *, size: float = 1e-2, seed: int = 0) -> Model:
    """A copy of which the weights of a circuit's components moved a little."""
    new = model.sibling(copy.deepcopy(model.hf), "edited")
    stored = dict(new.hf.named_parameters())
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        if circuit is None:
            for p in stored.values():
                p.add_(size * torch.randn(p.shape, generator=generator).to(p.dtype))
            return new
        for own in chosen_lines(model, circuit):
            lines = own.of(stored[own.name])
            noise = size * torch.randn(lines.shape, generator=generator)
            own.put(stored[own.name], lines + noise.to(lines.dtype))
    return new


def same_bits(a: Model, b: Model) -> bool:
    mine, other = a.hf.state_dict(), b.hf.state_dict()
    raw = lambda t: t.contiguous().flatten().view(torch.uint8)  # noqa: E731
    return list(mine) == list(other) and all(torch.equal(raw(mine[n]), raw(other[n])) for n in mine)


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), dtype=st.sampled_from(list(DTYPES)), every=st.booleans())
def test_apply_and_revert_are_exact(family, sizes, dtype, every, tmp_path_factory):
    model = tiny(family, sizes)
    model.hf.to(dtype)
    changed = edited(model, None if every else some_circuit(model, seed=sizes.seed))
    path = Delta.between(model, changed, origin={"why": "a test"}).save(
        tmp_path_factory.mktemp("delta")
    )
    delta = Delta.load(path)
    mark = model.fingerprint
    applied = delta.apply(model)
    assert delta.result is not None and applied.fingerprint.weights == delta.result.weights
    assert same_bits(applied, changed)
    assert same_bits(delta.revert(applied), model)
    assert model.fingerprint == mark
    assert delta.origin == {"why": "a test"}


@pytest.mark.parametrize("dtype", list(DTYPES))
@given(data=st.data(), rows=st.integers(1, 5), columns=st.integers(0, 5))
def test_any_bits_flip_there_and_back(dtype, data, rows, columns):
    """NaN, infinities and signed zeros too; columns 0 stands for a vector."""
    shape = (rows, columns) if columns else (rows,)
    limits = torch.iinfo(DTYPES[dtype])
    number = st.integers(limits.min, limits.max)

    def draw() -> torch.Tensor:
        n = math.prod(shape)
        bits = data.draw(st.lists(number, min_size=n, max_size=n))
        return torch.tensor(bits, dtype=DTYPES[dtype]).view(dtype).view(shape)

    old, new = draw(), draw()
    held = data.draw(st.integers(0, rows - 1))
    new[:held] = old[:held]
    flips = Flips.of(bits_of(old) ^ bits_of(new), old)
    if flips is None:
        assert torch.equal(bits_of(old), bits_of(new))
        return
    moved = old.clone()
    flips.flip(moved)
    assert torch.equal(bits_of(moved), bits_of(new))
    flips.flip(moved)
    assert torch.equal(bits_of(moved), bits_of(old))
    assert torch.equal(flips.dense(), bits_of(old) ^ bits_of(new))
    assert flips.size <= old.numel()


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_info_names_the_components_that_moved(family):
    model = tiny(family)
    circuit = some_circuit(model)
    delta = Delta.between(model, edited(model, circuit), origin={"method": "noise"})
    expected = {}
    for node in circuit.nodes():
        layer, site, unit = node.split(".", 1)[0], node.split(".")[1:3], node.rpartition(".")[2]
        expected.setdefault(f"{layer}.{'.'.join(site)}", set()).add(int(unit.removeprefix("head")))
    assert {place: set(units) for place, units in delta.touched.items()} == expected
    about = json.loads(json.dumps(delta.info()))
    assert about["components"] == {
        part.partition(":")[0]: kept for part, (kept, _) in circuit.by_part().items() if kept
    }
    heads = {p: sorted(units) for p, units in expected.items() if "attn" in p}
    assert about["heads"] == heads
    assert sum(about["channels"].values()) == about["components"].get("mlp.post_act", 0)
    assert about["elsewhere"] == [] and about["origin"] == {"method": "noise"}
    assert about["dtype"] == "float32" and 0 < about["share"] < 1
    assert about["bytes"] == sum(part.nbytes for part in delta.parts.values())
    whole = Delta.between(model, edited(model, None))
    assert model.anatomy.family.embed_tables[0] + ".weight" in whole.elsewhere
    assert whole.info()["share"] > 0.95


def test_an_update_of_few_components_makes_a_small_file(tmp_path):
    """Heads and channels in the same share, as few as 1.6% of them."""
    model = tiny("llama", Sizes(layers=4, groups=4, kv_heads=4, head_dim=16, d_mlp=600))
    universe = Universe.of(model.shape, PARTS)
    names = ["0.attn.q.head3", "2.attn.v.head1", "1.attn.k.head0"]
    names += [f"{i % 4}.mlp.post_act.{37 * i % 600}" for i in range(35)]
    circuit = Circuit.of(universe, names)
    assert 0.014 < circuit.share <= 0.016
    found = update(model, some_records(), circuit, steps=3, learning_rate=1e-3)
    path = found.delta().save(tmp_path / "delta.safetensors")
    model.save_pretrained(tmp_path / "model")
    whole = (tmp_path / "model" / "model.safetensors").stat().st_size
    assert path.stat().st_size < 0.03 * whole
    assert found.delta().origin["components"] == circuit.describe()


@pytest.mark.parametrize("family", ["gpt2", "llama", "phi3", "weight_sparse"])
def test_a_saved_model_takes_it_and_gives_it_back(family, tmp_path):
    model = tiny(family, Sizes(tied=True))
    delta = Delta.between(model, edited(model, some_circuit(model)))
    model.save_pretrained(tmp_path / "base")
    delta.apply(load(tmp_path / "base", dtype="float32")).save_pretrained(tmp_path / "applied")
    back = delta.revert(load(tmp_path / "applied", dtype="float32"))
    assert same_bits(back, model)


def test_a_model_that_was_cut_takes_one_too():
    for family in ("llama", "olmo2", "weight_sparse"):
        model = tiny(family)
        cut = extract(
            model, random_circuit(model, "mlp.post_act, attn.z:head"), Zero(positions="all")
        )
        delta = Delta.between(cut, edited(cut, None))
        assert same_bits(delta.revert(delta.apply(cut)), cut)


def test_nothing_changed_is_an_empty_delta(tmp_path):
    model = tiny("llama")
    delta = Delta.load(Delta.between(model, model).save(tmp_path))
    assert same_bits(delta.apply(model), model) and same_bits(delta.revert(model), model)
    assert delta.info()["numbers"] == 0 and delta.dtype == ""


def test_another_base_a_second_time_and_nothing_to_revert_are_told():
    model = tiny("llama")
    changed = edited(model, some_circuit(model))
    delta = Delta.between(model, changed)
    other = tiny("llama", Sizes(seed=9))
    for build in (other, tiny("gpt2")):
        with pytest.raises(AmplifyError, match="has other weights"):
            delta.apply(build)
        with pytest.raises(AmplifyError, match="has other weights"):
            delta.revert(build)
    with pytest.raises(AmplifyError, match="has this delta already"):
        delta.apply(changed)
    with pytest.raises(AmplifyError, match="nothing to revert"):
        delta.revert(model)


def test_another_dtype_is_told_with_the_one_to_load():
    model = tiny("llama")
    delta = Delta.between(model, edited(model, some_circuit(model)))
    half = model.sibling(copy.deepcopy(model.hf).half(), "half")
    for act in (delta.apply, delta.revert):
        with pytest.raises(AmplifyError, match=r'float16.*dtype="float32"'):
            act(half)


def test_models_of_another_build_have_no_delta():
    model = tiny("llama")
    with pytest.raises(AmplifyError, match="one build"):
        Delta.between(model, tiny("llama", Sizes(d_mlp=13)))
    with pytest.raises(AmplifyError, match="one build"):
        Delta.between(model, model.sibling(copy.deepcopy(model.hf).half(), "half"))
    counted = tiny("weight_sparse", Sizes(seed=1))
    moved = counted.sibling(copy.deepcopy(counted.hf), "moved")
    moved.hf.bigram_table.add_(1)
    with pytest.raises(AmplifyError, match="buffer bigram_table differs"):
        Delta.between(counted, moved)


def rewritten(path, change):
    """The same file with another header."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    head = json.loads(header["__metadata__"]["delta"])
    change(head)
    header["__metadata__"]["delta"] = json.dumps(head)
    new = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(new)) + new + data[8 + length :])


@pytest.mark.parametrize("kind", ["none", "cut", "text", "model", "newer", "no parts"])
def test_a_damaged_file_is_told(tmp_path, kind):
    model = tiny("llama")
    path = Delta.between(model, edited(model, some_circuit(model))).save(tmp_path)
    told = "holds no delta"
    if kind == "none":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif kind == "text":
        path.write_text("a delta")
    elif kind == "model":
        model.save_pretrained(tmp_path / "m")
        path = tmp_path / "m" / "model.safetensors"
    elif kind == "newer":
        rewritten(path, lambda head: head.update(schema_version=9))
        told = "update Tapeout"
    else:
        rewritten(path, lambda head: head.pop("parts"))
    with pytest.raises(AmplifyError, match=told):
        Delta.load(path)


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_of_the_data_goes_unnoticed(tmp_path_factory, where, bit):
    model = tiny("llama", Sizes(layers=1))
    changed = edited(model, some_circuit(model))
    path = Delta.between(model, changed).save(tmp_path_factory.mktemp("delta"))
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    at = 8 + length + int(where * (len(data) - 8 - length))
    data[at] ^= 1 << bit
    path.write_bytes(bytes(data))
    try:
        applied = Delta.load(path).apply(model)
    except AmplifyError as error:
        assert "damaged" in str(error)
    else:  # a bit that zlib itself does not read
        assert same_bits(applied, changed)


def test_it_cannot_be_written_where_a_file_is(tmp_path):
    model = tiny("llama")
    (tmp_path / "file").write_text("")
    with pytest.raises(AmplifyError, match="cannot write"):
        Delta.between(model, edited(model, None)).save(tmp_path / "file" / "delta.safetensors")


def parts_of(model: Model, *choices: Sequence[str]) -> list[Delta]:
    universe = Universe.of(model.shape, PARTS)
    return [
        Delta.between(model, edited(model, Circuit.of(universe, names), seed=seed))
        for seed, names in enumerate(choices)
    ]


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_deltas_of_other_components_combine(family, tmp_path):
    model = tiny(family)
    deltas = parts_of(
        model,
        ["0.attn.q.head1", "1.mlp.post_act.3"],
        ["0.attn.q.head0", "0.attn.k.head1", "1.mlp.post_act.4"],
        ["2.mlp.post_act.0"],
    )
    both = Delta.load(combine(*deltas).save(tmp_path))
    one, other = (delta.apply(model).hf.state_dict() for delta in deltas[:2])
    applied = both.apply(model)
    base = model.hf.state_dict()
    for name, tensor in applied.hf.state_dict().items():
        expected = torch.where(one[name] != base[name], one[name], other[name])
        third = deltas[2].apply(model).hf.state_dict()[name]
        expected = torch.where(third != base[name], third, expected)
        assert torch.equal(tensor, expected)
    assert same_bits(both.revert(applied), model)
    assert both.result is None
    assert both.touched["0.attn.q"] == (0, 1) and both.touched["1.mlp.post_act"] == (3, 4)
    assert both.numbers == sum(delta.numbers for delta in deltas)
    assert len(both.origin["of"]) == 3
    with pytest.raises(AmplifyError, match="has this delta already"):
        both.apply(applied)
    with pytest.raises(AmplifyError, match="is not"):
        both.revert(deltas[0].apply(model))
    with pytest.raises(AmplifyError, match="has other weights"):
        both.apply(deltas[0].apply(model))


def test_overlapping_deltas_are_refused_with_the_overlap_named():
    model = tiny("llama")
    a, b = parts_of(
        model,
        ["0.attn.q.head1", "0.attn.q.head2", "1.mlp.post_act.3"],
        ["0.attn.q.head2", "0.attn.q.head3", "1.mlp.post_act.3"],
    )
    with pytest.raises(AmplifyError) as told:
        combine(a, b)
    text = str(told.value)
    assert "rows 8-11 of model.layers.0.self_attn.q_proj.weight" in text
    assert "columns 3 of model.layers.1.mlp.down_proj.weight" in text
    (elsewhere,) = parts_of(tiny("llama", Sizes(seed=3)), ["0.attn.q.head0"])
    with pytest.raises(AmplifyError, match="different bases"):
        combine(a, elsewhere)
    with pytest.raises(AmplifyError, match="no delta"):
        combine()
    assert combine(a) is a
