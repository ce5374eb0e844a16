import pytest
import torch

from tapeout.errors import InterventionError, ModelError
from tapeout.interventions import Counterfactual, Mean, Zero, greedy, replacement_of, restrict

from ..tiny import gap, random_circuit, random_tokens, tiny


def test_a_paired_replacement_needs_pairs():
    model = tiny("llama")
    circuit = random_circuit(model, "mlp.post_act")
    with (
        restrict(model, circuit, Counterfactual()),
        pytest.raises(InterventionError, match="3 rows"),
    ):
        model.logits(random_tokens(3, 5))


def test_gates_of_the_wrong_width():
    model = tiny("llama")
    gates = {(0, "mlp.post_act"): torch.zeros(5)}
    with (
        pytest.raises(InterventionError, match="has 12 channels, its gate 5"),
        restrict(model, gates),
    ):
        pass


def test_a_site_that_is_not_there():
    with pytest.raises(ModelError, match=r"no attn\.z in layer 9"):
        tiny("llama").tap(9, "attn.z")


def test_means_of_another_site():
    means = Mean(values={}, reference="none")
    model = tiny("llama")
    circuit = random_circuit(model, "mlp.post_act")
    with (
        restrict(model, circuit, means),
        pytest.raises(InterventionError, match="no mean was taken"),
    ):
        model.logits(random_tokens(2, 5))


def test_a_mean_over_nothing():
    model = tiny("llama")
    with pytest.raises(InterventionError, match="no token"):
        Mean.over(model, [random_tokens(2, 1)], [(0, "mlp.post_act")], reference="empty")


def test_chosen_positions():
    model = tiny("llama")
    circuit = random_circuit(model, "mlp.resid_delta", share=0.0)
    tokens = random_tokens(2, 6)
    chosen = torch.zeros(2, 6, dtype=torch.bool)
    chosen[0, 3:] = True
    with torch.no_grad():
        full = model.logits(tokens)
        with restrict(model, circuit, Zero(positions=chosen)):
            mixed = model.logits(tokens)
        with restrict(model, circuit, Zero(positions="last")):
            last = model.logits(tokens)
    assert torch.equal(mixed[1], full[1]) and torch.equal(mixed[0, :3], full[0, :3])
    assert gap(mixed[0, 3:], full[0, 3:]) > 1e-2
    assert torch.equal(last[:, :-1], full[:, :-1]) and gap(last[:, -1], full[:, -1]) > 1e-2
    refused = pytest.raises(InterventionError, match="positions have shape")
    with restrict(model, circuit, Zero(positions=chosen[:1])), refused:
        model.logits(tokens)


def test_the_first_position_is_exempt_by_default():
    model = tiny("llama")
    circuit = random_circuit(model, "mlp.resid_delta", share=0.0)
    tokens = random_tokens(2, 6)
    with torch.no_grad(), restrict(model, circuit, Zero()):
        exempt = model.logits(tokens)
    full = model.logits(tokens)
    assert torch.equal(exempt[:, 0], full[:, 0].detach())
    assert gap(exempt[:, 1], full[:, 1]) > 1e-2


def test_generation_stops():
    model = tiny("llama")
    tokens = random_tokens(1, 4)
    whole = greedy(model, tokens, 8)
    stop = int(whole[0, 2])
    cut = greedy(model, tokens, 8, stop=[stop])
    assert cut.shape[1] == whole[0].tolist().index(stop) + 1
    assert torch.equal(cut, whole[:, : cut.shape[1]])


def test_names():
    assert replacement_of("zero").name == "zero"
    with pytest.raises(InterventionError, match="did you mean 'counterfactual'"):
        replacement_of("counterfactal")
    with pytest.raises(InterventionError, match="needs means"):
        replacement_of("mean")
