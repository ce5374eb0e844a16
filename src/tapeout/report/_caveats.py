"""What a careful reader would hold against the results, said before they have to ask."""

from collections.abc import Iterator

from ._amplified import Gain
from ._evidence import Evidence
from ._html import Html, join, name, tag
from ._model_sentences import changed, gain_of, is_as_before
from ._results import Results
from ._text import number, percent, span


def caveats(results: Results) -> list[Html]:
    """Each a sentence or two that opens with its point."""
    several = len(results.proofs) > 1
    found: list[Html] = []
    for stage, evidence in results.proofs:
        where = join(" (", name(stage.name), ")") if several else Html()
        found += [join(tag("b", point, where, "."), " ", why) for point, why in _of(evidence)]
    others = [
        *_of_squeezing(results),
        *_of_gains(results),
        *_of_steering(results),
        *_of_cut(results),
    ]
    return found + [join(tag("b", point, "."), " ", why) for point, why in others]


def _of(found: Evidence) -> Iterator[tuple[str, Html]]:
    empty, alone = found.empty, found.autoregressive
    if found.leaks:
        yield (
            "The empty circuit does a part of the task",
            join(
                f"With every node replaced the model still gets {percent(empty.value)} right "
                f"[{span(empty.low, empty.high)}]{_over(found.chance)}, so the replacement itself "
                "leaks part of the task and the recovery above includes that."
            ),
        )
    if found.full.right and not alone.right:
        yield (
            "The circuit gets none right",
            join(f"By itself it gets none of {alone.n:,}, so it is no circuit of the task."),
        )
    elif found.sizes.share == 1:
        yield (
            "The circuit is everything there is",
            join(
                f"It keeps all {found.sizes.words}, and so does every random circuit of its size: "
                f"which {found.sizes.unit} matter is not shown."
            ),
        )
    elif found.random and max(share.value for share in found.random) >= alone.low:
        best = percent(max(share.value for share in found.random))
        yield (
            "A random circuit may do as well",
            join(
                f"One {found.sizes.alike} gets {best}, not below the circuit’s interval "
                f"[{span(alone.low, alone.high)}], so the choice of {found.sizes.unit} is not "
                "shown to matter."
            ),
        )
    if found.full.right and found.necessity.high >= found.full.low:
        yield (
            "Necessity is not shown",
            join(
                f"Without the circuit {percent(found.necessity.value)} is left "
                f"[{span(found.necessity.low, found.necessity.high)}], and the full model’s "
                f"interval is [{span(found.full.low, found.full.high)}]: the two overlap."
            ),
        )
    if found.setting.split_name != "test":
        yield (
            "This is not the test split",
            join("Accuracy is reported on ", name(found.setting.split), "."),
        )


def _of_squeezing(results: Results) -> Iterator[tuple[str, Html]]:
    for stage in results.of_kind("squeeze"):
        found, where = stage.metrics, join(" (", name(stage.name), ")")
        if not found.flag("reached"):
            bar = percent(found.finite("bar"))
            yield (
                "Nothing was taken out",
                join(f"A circuit to squeeze is below its bar of {bar} as it is", where, "."),
            )
        elif not found.flag("finished"):
            tried = f"{found.whole('evaluations'):,} circuits were tried"
            yield "A smaller one may do", join(f"Squeezing ended when {tried}", where, ".")


def _of_gains(results: Results) -> Iterator[tuple[str, Html]]:
    """Of updates of components that were found, each beside those of random ones in their place."""
    pairs = list(_beside_random(results))
    equal = [(own, drawn) for own, drawn in pairs if drawn.points.value >= own.points.low]
    if equal:
        own, drawn = equal[0]
        times = f" (in {len(equal)} of {len(pairs)} cases)" if len(pairs) > 1 else ""
        yield (
            f"Updates of random components may do as well{times}",
            join(
                f"One gains {drawn.cells[0]} points, not below the interval of the components that "
                f"were found, {own.cells[0]}, so their choice is not shown to matter."
            ),
        )


def _beside_random(results: Results) -> Iterator[tuple[Gain, Gain]]:
    beside = [stage for stage in results.of_kind("solve") if "gain" in stage.metrics]
    circuits = [changed(results, stage) for stage in beside]
    for stage, circuit in zip(beside, circuits, strict=True):
        if circuit is None or circuit.kind == "random" or is_as_before(results, stage):
            continue
        for other, drawn in zip(beside, circuits, strict=True):
            if drawn and drawn.kind == "random" and results.circuit_of(drawn) is circuit:
                yield gain_of(stage), gain_of(other)


def _of_steering(results: Results) -> Iterator[tuple[str, Html]]:
    for stage, found in results.steered:
        moved = [abs(some.turned.value) for some in found.random]
        if moved and max(moved) >= found.chosen.turned.low:
            yield (
                "Random channels may steer as far",
                join(
                    f"One moves the part of both answers by {number(max(moved))}, not below the "
                    f"interval of the channels that were found, {found.chosen.turned.interval} "
                    "(stage ",
                    name(stage.name),
                    "), so their choice is not shown to matter.",
                ),
            )


def _over(chance: float) -> str:
    return f", where a coin gets {percent(chance)}" if chance else ""


def _of_cut(results: Results) -> Iterator[tuple[str, Html]]:
    verified = {evidence.setting.replacement for _, evidence in results.proofs}
    for stage, cut in results.extracted:
        if verified and cut.replacement not in verified:
            yield (
                "The extracted model was not verified",
                join(
                    "Stage ",
                    name(stage.name),
                    " gives dropped nodes ",
                    name(cut.replacement),
                    " replacement, the evidence is under ",
                    name(", ".join(sorted(verified))),
                    ".",
                ),
            )
    for stage, speed in results.speeds:
        if speed.same_argmax < speed.rows:
            yield (
                "The extracted and the masked model disagree",
                join(
                    f"Their next token is the same in {speed.same_argmax:,} of {speed.rows:,} "
                    "rows (stage ",
                    name(stage.name),
                    ").",
                ),
            )
