"""Claims about activations, and about masks in other models: experiments 4 (controls) and 6."""

from typing import Any

from .measured import Holds, Measured, below, every
from .reading import MissingStage, Runs
from .rules import HALF, Claim, Judged, Rule


def rank_rises(audit: str) -> Rule:
    """Effective rank does not collapse."""

    def judge(runs: Runs) -> Judged:
        here = _geometry(runs, audit)
        own, base = (here["residual"][key] for key in ("effective_rank", "base_effective_rank"))
        return here, below(Measured.without_interval(base), Measured.without_interval(own))

    text = f"{audit}: mean effective rank of the residual stream above the base's by over 2%"
    return Rule(text, judge)


def rank_lower(one: str, two: str) -> Rule:
    """One model's effective rank is below another's."""

    def judge(runs: Runs) -> Judged:
        here = {name: _geometry(runs, name) for name in (one, two)}
        ranks = [here[name]["residual"]["effective_rank"] for name in (one, two)]
        return here, below(*(Measured.without_interval(rank) for rank in ranks))

    text = f"mean effective rank of the residual stream lower in {one} than in {two} by over 2%"
    return Rule(text, judge)


def moved_farther(one: str, two: str) -> Rule:
    """One model's activations are less like the base's than another's."""

    def judge(runs: Runs) -> Judged:
        here = {name: _geometry(runs, name) for name in (one, two)}
        pairs = [
            [Measured.without_interval(here[name]["residual"][key]) for name in (one, two)]
            for key in ("cka", "top_overlap")
        ]
        return here, every(*(below(*pair) for pair in pairs))

    text = f"CKA and top-10 overlap with the base lower in {one} than in {two}, by over 2%"
    return Rule(f"{text} (residual stream)", judge)


def concentrates(audit: str) -> Rule:
    """More of the MLPs' activity falls on the circuit than fell on it in the base."""

    def judge(runs: Runs) -> Judged:
        metrics = _audited(runs, audit, "base_energy")
        parts = {key: metrics[key]["shares"]["all: all"] for key in ("energy", "base_energy")}
        own, base = (part["activity"]["pooled"] for part in parts.values())
        here = {"split": metrics["split"], "n": metrics["n"]} | parts
        holds = below(Measured.without_interval(base), Measured.without_interval(own))
        return here, holds

    text = "the circuit's share of squared activations above that of the same channels in the base"
    return Rule(f"{audit}: {text} by over 2%", judge)


def beats_projection(audit: str, circuit: str, model: str) -> Rule:
    """A mask recovers more than as many principal directions."""

    def judge(runs: Runs) -> Judged:
        metrics = _audited(runs, audit, "projection")
        cell = _cell(runs, circuit, model)
        points = [p for p in metrics["projection"]["points"] if p["size"] >= cell["size"]]
        if not points:
            raise MissingStage(f"{audit!r} projects on fewer directions than {circuit!r} has nodes")
        rival = min(points, key=lambda point: point["size"])
        here = {"split": metrics["split"], "n": metrics["n"], "mask": cell, "projection": rival}
        return here, below(Measured.of(rival["accuracy"]), Measured.of(cell["autoregressive"]))

    text = f"{circuit} recovers more than a projection on at least as many principal directions"
    return Rule(text, judge)


def bound(circuit: str, model: str, other: str) -> Rule:
    """A mask works where it was found, and not in another model."""

    def judge(runs: Runs) -> Judged:
        return _pair(runs, "home", (circuit, model), "away", (circuit, other))

    text = f"{circuit} recovers in {other} less than half of what it recovers in {model}"
    return Rule(f"{text}; undecided if that is not above 50%", judge)


def made_new(circuit: str, own: str, model: str) -> Rule:
    """A mask of the base does not do what the conditioned model's own mask does there."""

    def judge(runs: Runs) -> Judged:
        return _pair(runs, "own", (own, model), "base's", (circuit, model))

    text = f"in {model}, {circuit} recovers less than half of what {own} recovers"
    return Rule(f"{text}; undecided if that is not above 50%", judge)


def broad_transfers(broad: str, sparse: str, other: str) -> Rule:
    """Broad masks work elsewhere rather than sparse ones."""

    def judge(runs: Runs) -> Judged:
        here = {name: _cell(runs, name, other) for name in (broad, sparse)}
        ends = [Measured.of(cell["autoregressive"]) for cell in here.values()]
        return _about(runs) | here, below(ends[1], ends[0])

    return Rule(f"{broad} recovers more in {other} than {sparse} does", judge)


def transfers(model: str, experiment: str) -> tuple[Claim, ...]:
    """Masks both ways between the base and a conditioned model."""
    own = f"{model}-circuit"
    return (
        Claim(
            experiment,
            "The conditioned mask works in the conditioned model, not in the base.",
            bound(own, model, "base"),
        ),
        Claim(
            experiment,
            "Conditioning reveals no old mask: the base's does not work in the conditioned model.",
            made_new("base-circuit", own, model),
        ),
    )


def _audited(runs: Runs, audit: str, part: str) -> dict[str, Any]:
    metrics = runs.mechanism.metrics(audit)
    if part not in metrics:
        raise MissingStage(f"{audit!r} lacks the part {part!r}")
    return metrics


def _geometry(runs: Runs, audit: str) -> dict[str, Any]:
    metrics = _audited(runs, audit, "geometry")
    sites = metrics["geometry"]["mean_over_layers"].items()
    about = {"split": metrics["split"], "n": metrics["n"]}
    return about | {site: groups["all: all"] for site, groups in sites}


def _about(runs: Runs) -> dict[str, Any]:
    transfer = runs.mechanism.metrics("transfer")
    return {key: transfer[key] for key in ("split", "n", "criterion", "replacement")}


def _cell(runs: Runs, circuit: str, model: str) -> dict[str, Any]:
    kept = ("circuit", "model", "size", "teacher_forced", "autoregressive", "empty", "full")
    for cell in runs.mechanism.metrics("transfer")["cells"]:
        if (cell["circuit"], cell["model"]) == (circuit, model):
            return {key: cell[key] for key in kept}
    raise MissingStage(f"'transfer' does not run {circuit!r} in {model!r}")


def _pair(
    runs: Runs, one: str, reference: tuple[str, str], two: str, other: tuple[str, str]
) -> Judged:
    """Whether a cell of the transfer is below half of another, which must be there at all."""
    cells = {one: _cell(runs, *reference), two: _cell(runs, *other)}
    own, rival = (Measured.of(cell["autoregressive"]) for cell in cells.values())
    works: Holds = True if below(HALF, own) else None
    return _about(runs) | cells, works and below(rival, own.times(HALF))


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "4 controls",
        "With KL activations move farther from the base (CKA, top-10 overlap) than without.",
        moved_farther("published-audit", "no-kl-audit"),
    ),
    Claim(
        "6",
        "Effective rank does not collapse but rises: 9.878 to 11.789.",
        rank_rises("published-audit"),
    ),
    Claim(
        "6",
        "Without KL it rises less: 10.183.",
        rank_lower("no-kl-audit", "published-audit"),
    ),
    Claim(
        "6",
        "Activity concentrates on the mask: its share rises from 0.329 to 0.462.",
        concentrates("published-audit"),
    ),
    Claim(
        "6",
        "Projection on 128 directions stays far below the sparse mask.",
        beats_projection("published-audit", "published-circuit", "published"),
    ),
    Claim(
        "6, masked term", "Effective rank does not collapse but rises.", rank_rises("masked-audit")
    ),
    Claim("6, masked term", "Activity concentrates on the mask.", concentrates("masked-audit")),
    Claim(
        "6, masked term",
        "Projection on 128 directions stays far below the sparse mask.",
        beats_projection("masked-audit", "masked-circuit", "masked"),
    ),
    *transfers("published", "6 controls"),
    *transfers("masked", "6 controls, masked term"),
    Claim(
        "6 controls",
        "The conditioned mask does not work without KL either.",
        bound("published-circuit", "published", "no-kl"),
    ),
    Claim(
        "6 controls",
        "Broad masks transfer more readily than the sparse one.",
        broad_transfers("published-broad", "published-circuit", "base"),
    ),
)
