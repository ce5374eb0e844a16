"""What cannot be written is said at once, and a model is left as it was, also by an error."""

import pytest
import torch

from tapeout.errors import GenerationError, ModelError
from tapeout.generation import Sampling, SharedPrefix, Stops, choices, generate, last_logits
from tapeout.interventions import Zero, restrict

from ..tiny import ALL_FAMILIES, random_circuit, tiny

ROW = [5, 6, 7]


def test_bad_prompts_and_limits():
    model = tiny("llama")
    prefix = SharedPrefix.read(model, range(3, 43))
    with pytest.raises(GenerationError, match="prompt 1 has no tokens"):
        generate(model, [ROW, []], limit=3)
    with pytest.raises(GenerationError, match="prompt 0 has no tokens"):
        choices(model, [[]], prefix=prefix)
    with pytest.raises(GenerationError, match="make 65 tokens, but tiny-llama has 64 positions"):
        generate(model, [ROW], limit=23, prefix=prefix)
    assert len(generate(model, [ROW], limit=22, prefix=prefix)[0].ids) == 22
    with pytest.raises(GenerationError, match="64 positions"):
        SharedPrefix.read(model, [3] * 64)
    with pytest.raises(GenerationError, match="prompt 0 holds token 61, but tiny-llama has 61"):
        last_logits(model, [[60, 61]])
    with pytest.raises(GenerationError, match="the prefix has no tokens"):
        SharedPrefix.read(model, [])
    with pytest.raises(GenerationError, match="at least one new token"):
        generate(model, [ROW], limit=0)
    with pytest.raises(GenerationError, match="at least one row"):
        generate(model, [ROW], limit=1, batch_size=0)


def test_stop_strings_need_a_tokenizer():
    with pytest.raises(ModelError, match="has no tokenizer"):
        Stops.of(tiny("llama").tokenizer, ["x"])
    with pytest.raises(GenerationError, match="need the model's tokenizer"):
        Stops.of(None, ["x"])
    with pytest.raises(GenerationError, match="empty stop string"):
        Stops.of(object(), ["x", ""])
    with pytest.raises(GenerationError, match="U\\+FFFD"):
        Stops.of(object(), ["\ufffd"])


@pytest.mark.parametrize(
    "settings", [{"temperature": 0.0}, {"top_p": 0.0}, {"top_p": 1.1}, {"top_k": -1}, {"seed": -1}]
)
def test_bad_sampling(settings):
    with pytest.raises(GenerationError):
        Sampling(**settings)


def test_logits_that_are_not_numbers():
    model = tiny("gpt2")
    with torch.no_grad():
        model.hf.transformer.ln_f.weight[0] = torch.nan
    for run in (generate, choices, last_logits):
        with pytest.raises(GenerationError, match="NaN or infinite logits in float32"):
            run(model, [ROW], **({"limit": 2} if run is generate else {}))


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("fails", [False, True])
def test_the_callers_model_is_untouched(family, fails):
    model = tiny(family)
    hf = model.hf.train()
    for i, p in enumerate(hf.parameters()):
        p.requires_grad_(i % 2 == 0)

    def state():
        return (
            [m.config._attn_implementation for m in hf.modules() if hasattr(m, "config")],
            hf.config.to_dict(),
            hf.generation_config.to_dict(),
            [m.training for m in hf.modules()],
            [p.requires_grad for p in hf.parameters()],
            [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in hf.modules()],
            [p.detach().flatten().tolist() for p in hf.parameters()],
            torch.random.get_rng_state().tolist(),
            torch.is_grad_enabled(),
        )

    before, told = state(), []

    def progress(done, total):
        told.append(done)
        if fails:
            raise ZeroDivisionError

    def run():
        prefix = SharedPrefix.read(model, ROW)
        with restrict(model, random_circuit(model, "mlp.post_act"), Zero()):
            sampling = Sampling(seed=3)
            generate(model, [ROW], limit=3, prefix=prefix, sampling=sampling, progress=progress)
            choices(model, [ROW, ROW[:1]], prefix=prefix)

    if fails:
        with pytest.raises(ZeroDivisionError):
            run()
    else:
        run()
    assert state() == before
    assert told
