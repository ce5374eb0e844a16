"""Results are made up from the recipes themselves, so that these and the claims fit each other."""

import copy
import json
import math
from pathlib import Path

import of_paper1
import pytest
import yaml
from paper1.measured import Measured, below, every
from paper1.reading import COMPACT, MissingStage, Run, Runs, Sizes, sizes
from paper1.rules import control, smaller

RECIPES = Path(__file__).parents[2] / "recipes"
NODES, N = 1000, 700
OTHERS = ("three-digits", "four-digits", "subtraction")
TRIALS = ("direct", "union", "routed", "routed-each", "groups")


def share(value, half=0.02):
    ends = {"low": max(value - half, 0.0), "high": min(value + half, 1.0)}
    return {"right": round(value * N), "n": N, "value": value} | ends


def frontier(replacement, k90, at_compact=0.1):
    """Accuracies of 95% from `k90` nodes on, and what is given below."""
    points = []
    for size in sorted({0, 10, 20, 50, 100, 200, 500, k90 or NODES, NODES}):
        found = share(0.95 if k90 and size >= k90 else at_compact)
        points.append({"size": size, "accuracy": found.pop("value")} | found)
    about = {"split": "addition/test", "replacement": replacement, "criterion": "exact"}
    return about | {"full": share(0.97), "points": points}


def condition(settings):
    point = {"base": share(0.9), "changed": share(0.95)}
    other = {"split": "test", "criterion": "exact"} | point
    kl = 0.01 if settings.get("kl", 0.05) else 0.05
    sweep = {"split": "validation", "target": 0.985, "base": share(0.96), "degenerate": False}
    return {
        "weights": f"{settings['learning_rate']}, masked: {settings.get('masked', 0)}",
        "scale": 0.6,
        "held": True,
        "sweep": sweep | {"points": []},
        "on_task": other | {"kl_to_base": {"value": kl, "low": kl * 0.9, "high": kl * 1.1}},
        "others": {name: copy.deepcopy(other) for name in OTHERS},
    }


def smallest(stage):
    replacements = stage.get("replacements", ("zero", "counterfactual"))
    kinds = {kind: frontier(kind, 200) for kind in replacements}
    return {"nodes": NODES, "n": N, "replacements": kinds}


def compose(_):
    names = ("digit-0", "digit-1", "carry-1", "overflow")
    empty, own = {"empty": share(0.1)}, [share(0.2), share(0.2), share(0.97), share(0.97)]
    local = [{"interface": k, "recovery": v} | empty for k, v in zip(names, own, strict=True)]
    about = {"size": 50, "share": 0.05, "split": "test", "n": N, "replacement": "zero"}
    about |= {"ar_by": "induction", "autoregressive": share(0.3)}
    return {"interfaces": local, "trials": [about | {"trial": name} for name in TRIALS]}


def transfer(stage):
    cells = [
        {"circuit": circuit, "model": model, "size": 50, "full": share(0.97), "empty": share(0)}
        | {"autoregressive": share(value), "teacher_forced": share(value)}
        for circuit in stage["circuits"]
        for model in stage["models"]
        for value in [0.92 if circuit == f"{model}-circuit" else 0.2]
    ]
    about = {"split": "test", "n": N, "criterion": "exact", "replacement": "zero"}
    return about | {"cells": cells}


def audit(_):
    cloud = {"effective_rank": 11.8, "base_effective_rank": 9.9, "cka": 0.8, "top_overlap": 0.5}
    point = {"rank": 32, "size": 96, "accuracy": share(0.4), "random": share(0.1)}
    return {
        "split": "test",
        "n": N,
        "energy": {"shares": {"all: all": {"activity": {"pooled": 0.46}}}},
        "base_energy": {"shares": {"all: all": {"activity": {"pooled": 0.33}}}},
        "projection": {"points": [point | {"size": 3, "accuracy": share(0.99)}, point]},
        "geometry": {"mean_over_layers": {"residual": {"all: all": cloud}}},
    }


def route(_):
    regimes = {"one carry": share(0.97), "none": share(0.94), "full cascade": share(0.88)}
    overall = {"global": 0.92, "union": 0.97, "core": 0.5, "same-budget": 0.85}
    own = {"size": 50, "by_regime": regimes}
    ways = [own | {"routing": name, "overall": share(value)} for name, value in overall.items()]
    about = {"split": "test", "n": N, "replacement": "zero", "ar_by": "induction", "budget": 50}
    return about | {"routings": ways}


def squeeze(_):
    about = {"size": 20, "share": 0.02, "start": 50, "reached": True, "finished": True}
    about |= {"split": "validation", "n": N, "replacement": "zero"}
    return about | {"layers_dropped": [1], "after": share(0.9)}


def verify(_):
    alone = {name: share(0.905) for name in ("teacher_forced", "autoregressive")}
    about = {"split": "test", "n": N, "random": [], "replacement": "zero"}
    return about | alone | {"empty": share(0.0), "necessity": share(0.0)}


def mask(_):
    return {"size": 300, "share": 0.3, "steps": 400, "universe": "mlp.post_act:channel"}


def base(_):
    return {"weights": "of the base"}


KINDS = (base, smallest, condition, compose, transfer, audit, route, squeeze, verify, mask)
MADE = {make.__name__: make for make in KINDS}


def run_of(name):
    recipe = yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))
    stages = {}
    for key, stage in recipe["stages"].items():
        metrics = MADE.get(stage["kind"], lambda _: {})(stage)
        inputs = {"model": stage["model"]} if "model" in stage else {}
        stages[key] = {"kind": stage["kind"], "seconds": 1.0, "metrics": metrics}
        stages[key] |= {"inputs": inputs, "settings": {"learning_rate": 1e-3} | stage}
    return Run(name, stages)


@pytest.fixture(scope="module")
def made():
    return [run_of(name) for name in of_paper1.RECIPES]


@pytest.fixture
def runs(made):
    return Runs(*copy.deepcopy(made))


def put(runs, name, k90, at_compact=0.1, rates=("-1e-3", "-3e-3")):
    """Give a model circuits of a size under both replacements."""
    run = runs.tables if f"{name}{rates[0]}-sizes" in runs.tables.stages else runs.mechanism
    for rate in rates:
        for kind, found in run.metrics(f"{name}{rate}-sizes")["replacements"].items():
            found |= frontier(kind, k90, at_compact)


def verdicts(runs, start):
    """Of all claims whose rules start so."""
    found = {c.rule.text: c for c in of_paper1.CLAIMS if c.rule.text.startswith(start)}
    assert found, f"no rule starts with {start!r}"
    return {claim.row(runs)["verdict"] for claim in found.values()}


def test_numbers_are_apart_only_if_neither_is_in_the_others_interval():
    assert below(Measured(1, 0, 2), Measured(5, 3, 7)) is True
    assert below(Measured(5, 3, 7), Measured(1, 0, 2)) is False
    assert below(Measured(1, 0, 5.5), Measured(5, 4.9, 7)) is None
    assert below(Measured(4.95, 4.9, 5), Measured(6, 4.9, 9)) is None
    assert below(0.9, Measured(0.95, 0.91, 0.97)) is True
    assert below(0.9, Measured(0.95, 0.89, 0.97)) is None
    assert below(Measured(math.inf, 5, math.inf), Measured(math.inf, 9, math.inf)) is None
    parts = [(True, None, False), (True, None), (True, True)]
    assert [every(*own) for own in parts] == [False, None, True]


def test_every_claim_has_a_verdict_from_the_stages_of_the_recipes(runs):
    rows = of_paper1.rows(runs)
    assert len(rows) == len(of_paper1.CLAIMS)
    assert all(set(row) == {"experiment", "claim", "here", "rule", "verdict"} for row in rows)
    assert {row["verdict"] for row in rows} == {"agrees", "disagrees", "not decidable here"}
    assert rows == json.loads(json.dumps(rows, allow_nan=False))
    assert rows[0]["experiment"] == "setup" and rows[-1]["experiment"].startswith("10")


@pytest.mark.parametrize(
    ("base", "published", "expected"),
    [
        (500, 100, "agrees"),
        (500, 450, "disagrees"),
        (None, 100, "agrees"),
        (500, None, "disagrees"),
        (None, None, "not decidable here"),
        (200, 100, "not decidable here"),  # exactly half
    ],
)
def test_a_circuit_counts_as_smaller_from_half_of_the_others_size(runs, base, published, expected):
    put(runs, "base", base, rates=("",))
    put(runs, "published", published)
    assert verdicts(runs, "k90 of published below 0.5 times k90 of base") == {expected}


def test_the_better_learning_rate_of_each_variant_counts(runs):
    put(runs, "published", 500, rates=("-1e-3",))
    put(runs, "published", 50, rates=("-3e-3",))
    assert sizes(runs, "published", "zero").stage == "published-3e-3-sizes"
    here, holds = smaller("published", "no-kl")("zero").judge(runs)
    assert holds and here["published"]["k90"]["value"] == 50


def test_a_size_has_the_interval_of_the_sizes_at_which_accuracies_reach_the_bar(runs):
    own = Sizes(runs.tables, "base-sizes", "zero")
    own.measured["points"] = [
        {"size": size, "accuracy": value, "low": value - 0.03, "high": value + 0.03}
        for size, value in [(10, 0.5), (50, 0.95), (100, 0.88), (200, 0.91), (500, 0.97)]
    ]
    assert own.k90 == Measured(200, 50, 500)
    assert own.at(COMPACT).value == 0.95
    with pytest.raises(MissingStage, match="no point at 7%"):
        own.at(0.07)


def test_a_circuit_that_there_is_not_is_null(runs):
    put(runs, "base", None, rates=("",))
    assert sizes(runs, "base", "zero").to_dict()["k90"] == dict.fromkeys(("value", "low", "high"))


def test_recovery_of_the_base_is_compared_with_a_bar(runs):
    for recovery, expected in [(0.3, "agrees"), (0.7, "disagrees"), (0.49, "not decidable here")]:
        put(runs, "base", 200, recovery, rates=("",))
        assert verdicts(runs, "recovery of base at 5% of the channels below") == {expected}


@pytest.mark.parametrize(
    ("treated", "own", "holds"),
    [(0.95, 0.1, True), (0.95, 0.9, False), (0.1, 0.1, None), (0.1, 0.9, False)],
)
def test_a_control_shows_something_only_where_the_treatment_works(runs, treated, own, holds):
    put(runs, "published", 200, treated)
    put(runs, "copy", 200, own)
    assert control("copy", "published")("zero").judge(runs)[1] is holds


def put_at(runs, path, value):
    """Put a value at a place of the second run's metrics; a pair finds a row of a list."""
    stage, *inner, last = path
    place = runs.mechanism.metrics(stage)
    for key in inner:
        if isinstance(key, tuple):
            place = next(row for row in place if row[key[0]] == key[1])
        else:
            place = place[key]
    place[last] = value


UNION = ("composed", "trials", ("trial", "union"), "autoregressive")
CARRY = ("composed", "interfaces", ("interface", "carry-1"), "recovery")
ENERGY = ("published-audit", "energy", "shares", "all: all", "activity", "pooled")
RANK = ("published-audit", "geometry", "mean_over_layers", "residual", "all: all", "effective_rank")
MASK = ("published-audit", "projection", "points", ("size", 96), "accuracy")
BUDGETED = ("masked-route", "routings", ("routing", "same-budget"), "overall")


@pytest.mark.parametrize(
    ("rule", "path", "otherwise", "close"),
    [
        ("recovery of union", UNION, share(0.8), share(0.51)),
        ("carry-1's own circuit", CARRY, share(0.8), share(0.91)),
        ("recovery of each digit's own circuit below", CARRY, share(0.1), share(0.21)),
        ("published-audit: the circuit's", ENERGY, 0.3, 0.333),
        ("published-audit: mean effective", RANK, 8.0, 9.91),
        ("published-circuit recovers more than a projection", MASK, share(0.99), share(0.93)),
        ("masked-route: same-budget", BUDGETED, share(0.99), share(0.91)),
        ("squeezed keeps", ("squeezed", "size"), 250, 200),
    ],
)
def test_rules_about_the_second_run_can_come_out_either_way(runs, rule, path, otherwise, close):
    assert verdicts(runs, rule) == {"agrees"}
    put_at(runs, path, otherwise)
    assert verdicts(runs, rule) == {"disagrees"}
    put_at(runs, path, close)
    assert verdicts(runs, rule) == {"not decidable here"}


def test_gates_are_better_only_if_they_keep_fewer_channels_and_recover(runs):
    rule = "the circuit of masked-gates"
    assert verdicts(runs, rule) == {"agrees"}  # more channels
    put_at(runs, ("masked-gates", "size"), 20)
    assert verdicts(runs, rule) == {"not decidable here"}
    runs.mechanism.stages["gates-proof"] = {"metrics": verify(None)}
    for value, expected in [(0.95, "disagrees"), (0.5, "agrees"), (0.9, "not decidable here")]:
        put_at(runs, ("gates-proof", "autoregressive"), share(value))
        assert verdicts(runs, rule) == {expected}


@pytest.mark.parametrize(
    ("home", "away", "expected"),
    [
        (0.92, 0.2, "agrees"),
        (0.92, 0.9, "disagrees"),
        (0.92, 0.46, "not decidable here"),
        (0.3, 0.0, "not decidable here"),  # it does not work where it was found
    ],
)
def test_masks_transfer_or_not_in_either_direction(runs, home, away, expected):
    for cell in runs.mechanism.metrics("transfer")["cells"]:
        own = cell["circuit"] == f"{cell['model']}-circuit"
        cell["autoregressive"] = share(home if own else away)
    assert verdicts(runs, "masked-circuit recovers in base") == {expected}
    assert verdicts(runs, "in masked, base-circuit") == {expected}


def test_failures_lift_a_task_at_the_rate_that_is_better_for_it(runs):
    rates = [runs.tables.metrics(f"failures-{rate}")["others"] for rate in ("1e-3", "3e-3")]
    rates[0]["three-digits"]["changed"] = share(0.7)
    for value, expected in [(0.8, "disagrees"), (0.99, "agrees"), (0.91, "not decidable here")]:
        rates[1]["three-digits"]["changed"] = share(value)
        assert verdicts(runs, "accuracy on three-digits") == {expected}


def test_a_scale_says_nothing_where_the_base_holds_the_accuracy(runs):
    rule = "published: the lowest-KL scale"
    assert verdicts(runs, rule) == {"agrees"}
    own = sizes(runs, "published", "counterfactual").source["metrics"]
    own["scale"] = 1.0
    assert verdicts(runs, rule) == {"disagrees"}
    own["sweep"]["degenerate"] = True
    assert verdicts(runs, rule) == {"not decidable here"}


def test_a_missing_stage_is_one_clear_error(runs, tmp_path, monkeypatch):
    del runs.tables.stages["no-kl-3e-3-sizes"]
    for run in (runs.tables, runs.mechanism):
        (tmp_path / run.recipe).mkdir()
        text = json.dumps({"recipe": run.recipe, "stages": run.stages})
        (tmp_path / run.recipe / "results.json").write_text(text, encoding="utf-8")
    folders = [str(tmp_path / recipe) for recipe in of_paper1.RECIPES]
    monkeypatch.setattr("sys.argv", ["of_paper1.py", *folders])
    with pytest.raises(SystemExit, match="paper1-tables has no finished stage 'no-kl-3e-3-sizes'"):
        of_paper1.main()
