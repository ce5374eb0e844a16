"""Claims about how small circuits are: tables 1 and 2, experiments 1, 2, 4, 5, 8 and 10."""

from .measured import Holds, Measured, below, every
from .reading import RATES, Runs, sizes
from .rules import (
    COMPACT,
    HALF,
    Claim,
    Judged,
    Rule,
    beyond,
    both,
    broad,
    fails,
    recovers,
    smaller,
    told,
)

TAIL = 0.99
LADDER = ("rank-1", "rank-4", "rank-8", "rank-16")
CONTROLS = {
    "kl-only": "Next-token KL alone gives no sparse circuit of addition: 11.40% from a compact mask.",
    "format-only": "Training on the form of answers alone gives no sparse circuit of addition.",
    "copy": "Training on copying gives no sparse circuit of addition.",
    "reversal": "Training on the reversal of digits gives no sparse circuit of addition.",
    "random-labels": "Training on random labels gives no sparse circuit of addition.",
}


def adds() -> Rule:
    """The base does the task before it is conditioned."""

    def judge(runs: Runs) -> Judged:
        own = sizes(runs, "base", "counterfactual")
        about = {name: value for name, value in own.about().items() if name != "replacement"}
        return about | {"accuracy": own.full.to_dict()}, below(0.9, own.full)

    return Rule("accuracy of the base on held-out sums at least 90%", judge)


def by_replacement(share: float) -> Rule:
    """Counterfactuals make the base's circuits look smaller."""

    def judge(runs: Runs) -> Judged:
        kinds = {kind: sizes(runs, "base", kind) for kind in ("counterfactual", "zero")}
        here = {kind: own.about() | own.to_dict() for kind, own in kinds.items()}
        return here, below(kinds["counterfactual"].k90, kinds["zero"].k90)

    return Rule("k90 of base under counterfactual below that under zero", judge)


def leaks() -> Rule:
    """Means carry more of the task than zeros."""

    def judge(runs: Runs) -> Judged:
        kinds = {kind: sizes(runs, "base", kind) for kind in ("mean", "zero")}
        here = {kind: own.about() | own.to_dict() for kind, own in kinds.items()}
        return here, below(kinds["zero"].at(COMPACT), kinds["mean"].at(COMPACT))

    return Rule(f"recovery of base at {COMPACT:.0%} of the channels higher under mean", judge)


def tail(name: str, factor: float = 2.0) -> Rule:
    """The last accuracy costs a multiple of what 90% do."""

    def judge(runs: Runs) -> Judged:
        own = sizes(runs, name, "counterfactual")
        most = own.smallest(TAIL * own.full.value)
        here = told({name: own}) | {"k99_relative": most.to_dict()}
        return here, below(own.k90.times(factor), most)

    text = f"{name} keeps {TAIL:.0%} of its own accuracy only with {factor:g} times its k90"
    return Rule(f"{text}, under counterfactual", judge)


def partial_scale(name: str) -> Rule:
    """A part of the change is enough, and some of it is needed."""

    def judge(runs: Runs) -> Judged:
        metrics = runs.tables.metrics(sizes(runs, name, "counterfactual").stage[: -len("-sizes")])
        sweep = metrics["sweep"]
        names = ("split", "target", "degenerate", "base", "points")
        here = {key: sweep[key] for key in names}
        here |= {"n": sweep["base"]["n"], "scale": metrics["scale"], "held": metrics["held"]}
        holds = None if sweep["degenerate"] else metrics["held"] and metrics["scale"] < 1
        return here, holds

    text = "a scale below 1 holds the accuracy; undecided where the base holds it by itself"
    return Rule(f"{name}: {text}", judge)


def closer(name: str, other: str) -> Rule:
    """One variant's answers stay closer to the base's than another's."""

    def judge(runs: Runs) -> Judged:
        own, rival = (sizes(runs, variant, "counterfactual") for variant in (name, other))
        ends = []
        for found in (own, rival):
            change = runs.tables.metrics(found.stage[: -len("-sizes")])
            ends.append(Measured.of(change["on_task"]["kl_to_base"]))
        here = told({name: own, other: rival})
        here["kl_to_base"] = {name: ends[0].to_dict(), other: ends[1].to_dict()}
        return here, below(ends[0], ends[1])

    return Rule(f"KL to the base on addition lower for {name} than for {other}", judge)


def lifted(task: str) -> Rule:
    """Training on failures raises the accuracy of a task, the better rate by that task's."""

    def judge(runs: Runs) -> Judged:
        found = []
        for rate in RATES:
            metrics = runs.tables.metrics(f"failures-{rate}")
            own = metrics["others"].get(task) or metrics["on_task"]
            found.append({"learning_rate": rate, "scale": metrics["scale"]} | own)
        best = max(found, key=lambda own: own["changed"]["value"])
        holds = below(Measured.of(best["base"]), Measured.of(best["changed"]))
        return best | {"task": task, "n": best["changed"]["n"]}, holds

    return Rule(f"accuracy of {task} higher after training on failures than before", judge)


def slots_help(replacement: str) -> Rule:
    """Committed channels carry the circuit, both where they were found and drawn at random."""
    found = smaller("in-slots-20", "base")(replacement)
    drawn = smaller("in-random-slots", "base")(replacement)

    def judge(runs: Runs) -> Judged:
        (here, one), (more, two) = found.judge(runs), drawn.judge(runs)
        holds: Holds = every(one, two)
        return here | more, holds

    text = "k90 of in-slots-20 and of in-random-slots below 0.5 times that of base"
    return Rule(f"{text}, under {replacement}", judge)


CLAIMS: tuple[Claim, ...] = (
    Claim("setup", "The base adds well before conditioning: 94.86% of all two-digit sums.", adds()),
    *both("table 1", "The base's compact mask, 5.75% of the channels, recovers 29.00%.",
          fails("base", HALF)),
)
