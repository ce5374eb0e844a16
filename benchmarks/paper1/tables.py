"""Claims about sizes and accuracies: tables 1 and 2, experiments 1, 2, 4, 5, 8 and 10."""

from .measured import Measured, below
from .reading import COMPACT, RATES, MissingStage, Runs, Sizes, sizes
from .rules import (
    HALF,
    Claim,
    Judged,
    Rule,
    beyond,
    both,
    broad,
    control,
    fails,
    recovers,
    smaller,
    told,
)

TAIL = 0.99
LADDER = ("rank-1", "rank-4", "rank-8", "rank-16")
CONTROLS = {
    "kl-only": "Next-token KL alone makes no sparse circuit of addition: 11.40% at compact size.",
    "format-only": "Training on the form of answers alone makes no sparse circuit of addition.",
    "copy": "Training on copying makes no sparse circuit of addition.",
    "reversal": "Training on the reversal of digits makes no sparse circuit of addition.",
    "random-labels": "Training on random labels makes no sparse circuit of addition.",
}


def adds() -> Rule:
    """The base does the task before it is conditioned."""

    def judge(runs: Runs) -> Judged:
        own = sizes(runs, "base", "counterfactual")
        about = {key: value for key, value in own.about().items() if key != "replacement"}
        return about | {"accuracy": own.full.to_dict()}, below(0.9, own.full)

    return Rule("accuracy of base on held-out sums at least 90%", judge)


def sizes_by_replacement() -> Rule:
    """Counterfactuals make the base's circuits look smaller."""

    def judge(runs: Runs) -> Judged:
        one, two = (sizes(runs, "base", kind) for kind in ("counterfactual", "zero"))
        return _side_by_side(one, two), below(one.k90, two.k90)

    return Rule("k90 of base under counterfactual below its k90 under zero", judge)


def means_leak() -> Rule:
    """Means carry more of the task than zeros."""

    def judge(runs: Runs) -> Judged:
        one, two = (sizes(runs, "base", kind) for kind in ("zero", "mean"))
        return _side_by_side(one, two), below(one.at(COMPACT), two.at(COMPACT))

    text = f"recovery of base at {COMPACT:.0%} of the channels higher under mean than under zero"
    return Rule(text, judge)


def tail(name: str, factor: float = 2.0) -> Rule:
    """The last of the accuracy costs a multiple of what 90% do."""

    def judge(runs: Runs) -> Judged:
        own = sizes(runs, name, "counterfactual")
        most = own.smallest(TAIL * own.full.value)
        return told({name: own}) | {"k99": most.to_dict()}, below(own.k90.times(factor), most)

    text = f"{name} keeps {TAIL:.0%} of its own accuracy only with {factor:g} times its k90"
    return Rule(f"{text}, under counterfactual", judge)


def scale_is_partial(name: str) -> Rule:
    """A part of the change is enough to hold the accuracy, and some of it is needed."""

    def judge(runs: Runs) -> Judged:
        own = sizes(runs, name, "counterfactual").source["metrics"]
        sweep = own["sweep"]
        here = {key: sweep[key] for key in ("split", "target", "base", "degenerate", "points")}
        here |= {"n": sweep["base"]["n"], "scale": own["scale"], "held": own["held"]}
        return here, None if sweep["degenerate"] else own["held"] and own["scale"] < 1

    text = "the lowest-KL scale that holds the accuracy is below 1; undecided where the base holds"
    return Rule(f"{name}: {text} it by itself", judge)


def closer(name: str, other: str) -> Rule:
    """One variant's answers stay closer to the base's than another's."""

    def judge(runs: Runs) -> Judged:
        models = {own: sizes(runs, own, "counterfactual") for own in (name, other)}
        kl = {
            k: Measured.of(v.source["metrics"]["on_task"]["kl_to_base"]) for k, v in models.items()
        }
        here = told(models) | {"kl_to_base": {key: own.to_dict() for key, own in kl.items()}}
        return here, below(kl[name], kl[other])

    return Rule(f"KL to the base on addition's test split lower for {name} than for {other}", judge)


def lifted(task: str) -> Rule:
    """Training on failures raises the accuracy of a task; the better rate by that task's."""

    def judge(runs: Runs) -> Judged:
        best = max(
            (_on(runs, rate, task) for rate in RATES), key=lambda own: own["changed"]["value"]
        )
        return best, below(Measured.of(best["base"]), Measured.of(best["changed"]))

    return Rule(f"accuracy on {task} higher after training on failures than before", judge)


def _on(runs: Runs, rate: str, task: str) -> dict:
    """Accuracy on a task before and after training on failures."""
    metrics = runs.tables.metrics(f"failures-{rate}")
    found = metrics["others"] | {"addition": metrics["on_task"]}
    if task not in found:
        raise MissingStage(f"'failures-{rate}' does not watch {task!r}")
    own = {key: found[task][key] for key in ("split", "criterion", "base", "changed")}
    about = {"task": task, "n": own["base"]["n"], "learning_rate": rate, "scale": metrics["scale"]}
    return about | own


def _side_by_side(*kinds: Sizes) -> dict:
    return {own.replacement: own.about() | own.to_dict() for own in kinds}


TABLE_1: tuple[Claim, ...] = (
    Claim("setup", "The base adds before it is conditioned: 94.86% of two-digit sums.", adds()),
    *both(
        "table 1",
        "The base's compact mask, 5.75% of the channels, recovers 29.00%.",
        fails("base", HALF),
    ),
    *both(
        "table 1",
        "In the base high recovery, 99.53%, takes nearly all channels: 90.61%.",
        broad("base", HALF),
    ),
    *both(
        "table 1",
        "After rank-32 KL conditioning 5.05% of the channels recover 91.33%.",
        recovers("published", 0.9),
    ),
    *both(
        "table 1",
        "Conditioning makes a compact circuit extractable: 29.00% before, 91.33% after.",
        smaller("published", "base"),
    ),
    *both(
        "table 1, masked term",
        "Compact recovery, 91.33% from 5.05%; here by our masked term, which is not the paper's.",
        recovers("masked", 0.9),
    ),
    *both(
        "table 1, masked term",
        "Conditioning makes a compact circuit extractable; here by our masked term.",
        smaller("masked", "base"),
    ),
)

TABLE_2: tuple[Claim, ...] = (
    *both(
        "table 2",
        "Without KL rank 32 recovers 49.53% at compact size; 90% takes 167,065 channels.",
        smaller("published", "no-kl"),
    ),
    *both(
        "table 2",
        "Lower ranks do not get there: the best, rank 8, takes 170,259 channels for 90.47%.",
        smaller("published", *LADDER),
    ),
    *both(
        "table 2",
        "Training all weights does not either: 179,311 channels for 90.80%.",
        smaller("published", "all-weights", "all-weights-kl"),
    ),
    *both(
        "table 2",
        "Rank 32 is the optimum between lower ranks and all weights.",
        smaller("published", *LADDER, "rank-64", "all-weights-kl", factor=1),
    ),
    *(
        row
        for name, text in CONTROLS.items()
        for row in both("table 2", text, control(name, "published"))
    ),
    *both(
        "table 2",
        "The effect is specific to training on the task: 91.33% against 11.40% for KL alone.",
        smaller("published", *CONTROLS),
    ),
    *both(
        "table 2",
        "Training on failures improves behaviour without compact recovery.",
        fails("failures", HALF),
    ),
    *both(
        "table 2",
        "More examples compact further: 88.47% from 23,813 channels, without them 114,026.",
        smaller("more-examples", "published"),
    ),
    Claim(
        "table 2",
        "A non-math base is compacted less: 114,026 channels for 90.07%.",
        beyond("needs a second pretrained base, Qwen2.5-1.5B"),
    ),
)

EXPERIMENTS: tuple[Claim, ...] = (
    Claim(
        "1",
        "Attribution finds a signal but no handle: 80% takes 59,136 channels (base: 95%).",
        broad("base", COMPACT, target=0.8)("zero"),
    ),
    Claim(
        "1",
        "Some channels fire on every correct example, such as L27 N3227.",
        beyond("needs firing frequencies channel by channel, which no stage reports"),
    ),
    Claim(
        "2",
        "Counterfactuals make masks look smaller: 20,000 channels for 95%, without them 50,000.",
        sizes_by_replacement(),
    ),
    Claim(
        "2",
        "Relative thresholds on activations shrink the set of channels, but not that of heads.",
        beyond("needs thresholds on activations, which no stage applies"),
    ),
    Claim(
        "4",
        "The lowest-KL merge scale that holds the accuracy is a part of the change: 0.55.",
        scale_is_partial("published"),
    ),
    Claim(
        "4",
        "A tail remains: 99.53% takes 58,619 channels, 91.33% takes 12,661.",
        tail("published"),
    ),
    Claim(
        "4 controls",
        "The KL term keeps the behaviour closer to the base's than training without it.",
        closer("published", "no-kl"),
    ),
    Claim(
        "5",
        "Mean replacement leaks the task: 82.7% from 10,000 channels, 23.1% under zero.",
        means_leak(),
    ),
    Claim(
        "5",
        "Training on three-digit failures lifts three digits from 67.03% to 99.60%.",
        lifted("three-digits"),
    ),
    Claim("5", "It lifts four digits, from 60% to 94%.", lifted("four-digits")),
    Claim("5", "It lifts two digits, from 92% to 100%.", lifted("addition")),
    Claim(
        "5",
        "It lifts products of two-digit numbers from 62% to 90%.",
        beyond("needs products of two-digit numbers, which this model was never shown"),
    ),
    Claim(
        "8",
        "On a non-math base KL still helps: 114,026 channels against 157,696 without.",
        beyond("needs three Qwen models; this model has no non-math sibling"),
    ),
    *both(
        "10",
        "Channels committed before training carry the circuit: 12,661 replicate it.",
        smaller("in-slots-20", "base"),
    ),
    *both(
        "10",
        "Fewer committed channels lose a little: 8,000.",
        smaller("in-slots-10", "base"),
    ),
    *both(
        "10",
        "The circuit is not selected in retrospect: here also in channels drawn at random.",
        smaller("in-random-slots", "base"),
    ),
    *both(
        "10",
        "Too few slots break it: 5,000 begin to, 3,000 and 1,500 do.",
        smaller("in-slots-20", "in-slots-5", factor=1),
    ),
)
