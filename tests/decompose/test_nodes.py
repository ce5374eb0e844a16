"""Which nodes hold the energy of directions."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit, Universe
from tapeout.decompose import Directions, channel_energies, node_energies, node_scores
from tapeout.errors import DecomposeError
from tapeout.reshape import slots_of

from ..tiny import ALL_FAMILIES, Sizes, some_sizes, tiny
from .lm import decomposition_of, directions_of

ALL = "attn.q,attn.k,attn.v,attn.z,mlp.post_act"


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), rank=st.integers(1, 3))
def test_no_weight_of_a_layer_is_counted_twice_or_left_out(family, sizes, rank):
    model = tiny(family, sizes)
    directions = directions_of(model, 3, rank=rank, seed=sizes.seed)
    at = model.anatomy.family.layers
    own = {f"{at}.{i}.{p}" for i in range(sizes.layers) for p in _projections(model)}
    dense = directions.dense()
    shared = {f"{at}.{i}.{model.anatomy.family.out}.bias" for i in range(sizes.layers)}
    shared |= {f"{at}.{i}.{model.anatomy.family.down}.bias" for i in range(sizes.layers)}
    expected = sum(
        value.square().flatten(1).sum(1)
        for name, value in dense.items()
        if name.rpartition(".")[0] in own and name not in shared
    )
    for spec in (ALL, "attn.z,mlp.post_act"):
        found = sum(e.sum(1) for e in channel_energies(model, directions, spec).values())
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def _projections(model) -> list[str]:
    family = model.anatomy.family
    qkv = [family.qkv] if isinstance(family.qkv, str) else getattr(family.qkv, "path", family.qkv)
    qkv = [qkv] if isinstance(qkv, str) else list(qkv)
    return [*qkv, family.out, *family.gate_up, family.down]


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_a_nodes_energy_is_that_of_the_weights_that_updates_of_it_may_change(family):
    model = tiny(family)
    directions = directions_of(model, 2, rank=2)
    dense = directions.dense()
    for site in ("attn.q", "attn.k", "attn.v", "mlp.post_act"):
        universe = Universe.of(model.shape, site)
        energies = node_energies(model, directions, universe)
        for node in (0, universe.size - 1):
            expected = torch.zeros(2)
            for path, slot in slots_of(model, Circuit.of(universe, [node])).items():
                module = model.hf.get_submodule(path)
                dim = int((slot.side == "in") != ("Conv1D" in type(module).__name__))
                taken = dense[f"{path}.weight"].index_select(1 + dim, slot.open.nonzero()[:, 0])
                expected += taken.square().flatten(1).sum(1)
                if slot.side == "out" and f"{path}.bias" in dense:
                    expected += dense[f"{path}.bias"][:, slot.open].square().sum(1)
            expected /= directions.squared_norms()
            torch.testing.assert_close(energies[:, node], expected, rtol=1e-4, atol=1e-7)


def test_a_head_has_its_rows_and_a_part_of_what_it_shares():
    model = tiny("llama", Sizes(groups=2, kv_heads=2, head_dim=4))
    directions = directions_of(model, 2)
    z = Universe.of(model.shape, "attn.z:head")
    apart = node_energies(model, directions, "attn.q:head,attn.k:head,attn.v:head,attn.z:head")
    parts = Universe.of(model.shape, "attn.q:head,attn.k:head,attn.v:head,attn.z:head")
    own = node_energies(model, directions, z)
    number = lambda site, head: parts.node(f"1.{site}.head{head}")  # noqa: E731
    for head in range(4):
        whole = apart[:, number("attn.z", head)] + apart[:, number("attn.q", head)]
        for site in ("attn.k", "attn.v"):
            whole = whole + apart[:, number(site, head // 2)] / 2
        torch.testing.assert_close(own[:, z.node(f"1.attn.z.head{head}")], whole)
    channels = node_energies(model, directions, "attn.z:channel").sum()
    assert channels < 0.9 * own.sum()  # a single channel has its column of the output alone


def test_scores_put_the_nodes_of_a_direction_first():
    model = tiny("llama")
    universe = Universe.of(model.shape, "mlp.post_act,attn.z:head")
    directions = directions_of(model, 3)
    with torch.no_grad():
        for name, modes in directions.factors.items():
            for factor in modes:
                factor[1] = 0
            if name.endswith("1.mlp.down_proj.weight"):
                modes[0][1], modes[1][1, 0, 5] = 1.0, 2.0
    scores = node_scores(model, directions, universe, chosen=[1])
    assert scores.top(1).nodes() == ["1.mlp.post_act.5"]
    assert scores.values.sum() == pytest.approx(1) and scores.origin["outside"] < 1e-5
    both = node_scores(model, directions, universe, chosen=[0, 1], weights={0: 1.0, 1: 3.0})
    alone = node_scores(model, directions, universe, chosen=[0])
    torch.testing.assert_close(both.values, 0.25 * alone.values + 0.75 * scores.values)
    assert both.origin["directions"] == [0, 1] and both.fingerprint == model.fingerprint
    inside = float(alone.values.sum())
    assert alone.origin["outside"] == pytest.approx(1 - inside, abs=1e-6) and inside < 0.9


def test_dead_directions_do_not_count():
    model = tiny("llama")
    directions = directions_of(model, 3)
    found = node_scores(model, decomposition_of(model, directions, dead=1), "mlp.post_act")
    expected = node_scores(model, directions, "mlp.post_act", chosen=[1, 2])
    torch.testing.assert_close(found.values, expected.values)


def test_what_makes_no_sense_is_refused():
    model = tiny("llama")
    directions = directions_of(model, 3)
    for chosen, said in (
        ([], "no direction is chosen"),
        ([7], "no direction 7: there are 3"),
        ([1, 1], "direction 1 is named twice"),
    ):
        with pytest.raises(DecomposeError, match=said):
            node_scores(model, directions, chosen=chosen)
    with pytest.raises(DecomposeError, match=r"heads and MLP channels .*mlp\.resid_delta"):
        node_scores(model, directions, "mlp.resid_delta")
    with pytest.raises(DecomposeError, match="numbers from 0 for every chosen"):
        node_scores(model, directions, chosen=[0, 1], weights={0: 1.0})
    with pytest.raises(DecomposeError, match="are 0"):
        node_scores(model, directions, chosen=[0], weights={0: 0.0})
    with pytest.raises(DecomposeError, match="touch no weight"):
        node_scores(model, directions_of(model, 2, only="norm"))
    other = tiny("llama", Sizes(seed=1))
    with pytest.raises(DecomposeError, match="other weights"):
        node_scores(other, decomposition_of(model, directions))
    wider = tiny("llama", Sizes(d_mlp=16))
    with pytest.raises(DecomposeError, match="directions of another model"):
        node_scores(wider, directions)
    with pytest.raises(DecomposeError, match="no parameter"):
        node_scores(tiny("gpt2"), directions)
    broken = Directions(
        factors={n: tuple(f.clone() for f in modes) for n, modes in directions.factors.items()},
        shapes=directions.shapes,
    )
    next(iter(broken.factors.values()))[0][2] = float("nan")
    with pytest.raises(DecomposeError, match="direction 2 holds NaN"):
        node_scores(model, broken)
