"""Columns that are read once must give what running them every time gives."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tapeout.circuits import Circuit
from tapeout.find import attribution
from tapeout.interventions import Counterfactual, Resample, restrict
from tapeout.models import Tokens
from tapeout.tasks import LOGIT_DIFFERENCE, Batch
from tapeout.verify import evaluate

from ..tiny import ALL_FAMILIES, gap, random_circuit, random_tokens, some_sizes, tiny
from ..words import word_model, word_task

EXACT = 1e-5
SPEC = "mlp.post_act, attn.z:head, attn.k, attn.resid_delta:block"


@pytest.mark.parametrize("family", ALL_FAMILIES)
@given(sizes=some_sizes(), columns=st.integers(1, 8), padded=st.booleans())
def test_running_behind_a_prefix_equals_running_it_all(family, sizes, columns, padded):
    model = tiny(family, sizes)
    rows = [random_tokens(1, n, seed=n).ids[0].tolist() for n in ((9, 4, 6) if padded else (9, 9))]
    tokens = Tokens.pad(rows)
    with torch.no_grad():
        prefix = model.read(tokens, columns)
        whole = model.logits(tokens, keep=1)
        assert gap(model.logits(tokens, keep=1, after=prefix), whole) <= EXACT
        # a second run finds the prefix as it was
        assert gap(model.logits(tokens, keep=1, after=prefix), whole) <= EXACT


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("kind", [Counterfactual, Resample])
@pytest.mark.parametrize("answer_words", [1, 3])
def test_partners_that_were_run_before_equal_partners_in_lockstep(family, kind, answer_words):
    model, task = word_model(family), word_task(answer_words=answer_words)
    circuit = random_circuit(model, SPEC)
    partner = "resample" if kind is Resample else "counterfactual"
    metric = task.metric()
    found = evaluate(model, task.test, circuit, kind(), metrics=[metric], batch_size=5)
    with torch.no_grad():
        for batch in task.test.batches(5, partner=partner):
            with restrict(model, circuit, kind()):
                logits = model.logits(batch.lockstep, keep=batch.answer_length)
            values = metric.of(logits[: len(batch)], batch)
            assert gap(found.metrics[metric.name][batch.rows], values) <= 10 * EXACT


@pytest.mark.parametrize("integrate", ["none", "inputs", "activations"])
@pytest.mark.parametrize("aggregate", ["position", "example", "signed"])
def test_attribution_behind_a_shared_prefix_equals_attribution_over_all(
    integrate, aggregate, monkeypatch
):
    model, task = word_model("gemma2"), word_task()
    assert min(batch.shared for batch in task.train.batches(4, partner="counterfactual")) >= 2
    options = {"integrate": integrate, "aggregate": aggregate, "steps": 2, "batch_size": 4}
    behind = attribution(model, task.train, SPEC, **options)
    monkeypatch.setattr(Batch, "shared", 0)
    whole = attribution(model, task.train, SPEC, **options)
    assert gap(behind.values, whole.values) <= EXACT
    assert float(whole.values.abs().max()) > 100 * EXACT


def test_a_prompt_that_is_its_own_counterfactual_has_nothing_to_replace():
    model, task = word_model(), word_task()
    circuit = Circuit.empty(random_circuit(model, SPEC).universe)
    split = task.test
    same = type(split)(
        split.name,
        [type(e)(**{**vars(e), "counterfactual": e.prompt}) for e in split.examples],
        split.tokenizer,
    )
    full = evaluate(model, same, metrics=[LOGIT_DIFFERENCE]).metrics["logit_difference"]
    empty = evaluate(model, same, circuit, Counterfactual(), metrics=[LOGIT_DIFFERENCE])
    assert gap(full, empty.metrics["logit_difference"]) <= EXACT
