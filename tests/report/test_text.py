import math

import pytest

from tapeout.report import _text as text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.0%"),
        (1.0, "100.0%"),
        (0.9734, "97.3%"),
        (0.0001, "<0.1%"),
        (0.9999, ">99.9%"),
        (0.0625, "6.3%"),
        (1.05, "105.0%"),
        (math.nan, "not a number"),
        (math.inf, "∞"),
    ],
)
def test_percent_never_rounds_to_none_or_all(value: float, shown: str) -> None:
    assert text.percent(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0%"), (1.0, "100%"), (0.0042, "0.42%"), (0.124, "12.4%"), (1e-6, "<0.01%")],
)
def test_share(value: float, shown: str) -> None:
    assert text.share(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.00"),
        (6.0771, "6.08"),
        (-0.7226, "−0.723"),
        (999.7, "1,000"),
        (344.2, "344"),
        (12345.6, "12,346"),
        (3.72e-5, "3.72e-5"),
        (4.2e12, "4.20e+12"),
        (-math.inf, "−∞"),
    ],
)
def test_number(value: float, shown: str) -> None:
    assert text.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0147, "<0.1 s"),
        (0.0, "0.0 s"),
        (63.87, "63.9 s"),
        (123.4, "2 min 03 s"),
        (7325.0, "2 h 02 min"),
        (math.nan, "not a number"),
    ],
)
def test_seconds(value: float, shown: str) -> None:
    assert text.seconds(value) == shown


def test_ratio_of_nothing_is_nothing() -> None:
    assert text.ratio(1.0, 0.0) == "" == text.ratio(math.nan, 1.0)
    assert text.ratio(82, 100) == "0.820"


def test_words() -> None:
    assert text.joined(["a"]) == "a"
    assert text.joined(["a", "b", "c"]) == "a, b and c"
    assert text.part_words("new.site:channel") == "new.site:channel"
    assert text.setting_words("zero", "", "all") == "zero replacement, all positions"
    assert text.universe_words("mlp.post_act, attn.z:head") == "MLP channels and attention heads"
    assert text.universe_words("new.site") == "new.site"
    assert text.metric_words("log_likelihood") == "log likelihood"
    assert text.accuracy_words("above_foil") == "accuracy by rank above foils"
    assert text.thousands(215032978.3) == "215.0 M"
    assert text.mebibytes(2**21) == "2.0 MiB" and text.mebibytes(2**14) == "16.0 KiB"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("smollm2", "smollm2"),
        ("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M"),
        ("runs/sparse-60min/stages/sparse", "sparse, from sparse-60min"),
        ("/models/own/", "own"),
        ("smollm2, amplify", "smollm2, amplified"),
        ("runs/a/stages/b, tune", "b, from a, tuned with LoRA"),
    ],
)
def test_models_have_names_and_not_paths(source: str, shown: str) -> None:
    assert text.model_words(source) == shown
