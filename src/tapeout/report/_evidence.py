"""What a verification found, as lines that a reader compares."""

import statistics
from dataclasses import dataclass

from ._fields import Fields
from ._text import metric_words, number, percent, short, span
from ._values import Average, Setting, Share
from ._views import Sizes


@dataclass(frozen=True)
class Row:
    """A line of evidence; `bounds` is its interval, or for controls the range over seeds."""

    label: str
    value: float
    low: float
    high: float
    bounds: str
    counts: str
    note: str = ""
    control: bool = False


@dataclass(frozen=True)
class Evidence:
    """What a verification found."""

    setting: Setting
    n: int
    sizes: Sizes
    full: Share
    teacher_forced: Share
    autoregressive: Share
    ar_by: str
    relative: float
    kl: Average
    metrics: list[tuple[str, Average, Average]]
    calibrated: list[tuple[str, str]]
    empty: Share
    chance: float
    leaks: bool
    random: list[Share]
    necessity: Share
    necessity_random: list[Share]

    @classmethod
    def of(cls, fields: Fields) -> "Evidence":
        setting = Setting.of(fields)
        return cls(
            setting=setting,
            n=fields.whole("n"),
            sizes=Sizes.of(fields),
            ar_by=fields.text("ar_by"),
            relative=fields.finite("relative"),
            kl=Average.of_kl(fields.child("kl")),
            metrics=[
                (name, Average.of(item.child("full")), Average.of(item.child("circuit")))
                for name, item in fields.named("metrics")
                if name != setting.criterion  # it is the accuracy
            ],
            calibrated=_calibrated(fields.child("calibration"), setting.criterion)
            if "calibration" in fields
            else [],
            chance=fields.finite("chance") if "chance" in fields else 0.0,
            leaks=fields.flag("empty_leaks"),
            random=[Share.of(item) for item in fields.children("random")],
            necessity_random=[Share.of(item) for item in fields.children("necessity_random")],
            **{name: Share.of(fields.child(name)) for name in _SHARES},
        )

    def rows(self) -> list[Row]:
        """In the order in which a reader compares them."""
        rows = [
            _row("Full model", self.full),
            _row("Circuit, teacher-forced", self.teacher_forced),
            _row("Circuit, autoregressive", self.autoregressive, f"by {self.ar_by}"),
            _control("Random circuits", self.random),
            _row("Empty circuit", self.empty),
            _row("Without the circuit", self.necessity),
            _control("Without random ones", self.necessity_random),
        ]
        return [row for row in rows if row is not None]


_SHARES = ("full", "teacher_forced", "autoregressive", "empty", "necessity")


def _calibrated(fields: Fields, criterion: str) -> list[tuple[str, str]]:
    """What scale and shift of the logits change: the loss without and with, the rest with."""
    fit, loss, right = fields.child("fit"), fields.child("loss"), fields.child("accuracy")
    words = f"{fit.text('objective')} loss, nats"
    scale, shift = number(fit.number("scale")), number(fit.number("shift"))
    how = f"scale {scale}, shift {shift}, fitted on {short(fit.text('split'))}"
    accuracy = Share.of(right.child("with"))
    bounds = span(accuracy.low, accuracy.high)
    return [
        (words, str(Average.of(loss.child("without")))),
        (f"{words}, calibrated ({how})", str(Average.of(loss.child("with")))),
        ("accuracy, calibrated", f"{percent(accuracy.value)} [{bounds}]"),
        *(
            (f"{metric_words(name)}, calibrated", Average.of(item.child("with")).as_metric(name))
            for name, item in fields.named("metrics")
            if name != criterion  # it is the accuracy
        ),
    ]


def _row(label: str, share: Share, note: str = "") -> Row:
    counts = f"{share.right:,}/{share.n:,}"
    bounds = span(share.low, share.high)
    return Row(label, share.value, share.low, share.high, bounds, counts, note)


def _control(label: str, shares: list[Share]) -> Row | None:
    """Controls are one row: the mean over seeds and, instead of an interval, the range."""
    if not shares:
        return None
    values = [share.value for share in shares]
    low, high = min(values), max(values)
    rights = sorted({min(share.right for share in shares), max(share.right for share in shares)})
    counts = "–".join(f"{right:,}" for right in rights)
    one = len(shares) == 1
    return Row(
        label=label,
        value=statistics.fmean(values),
        low=low,
        high=high,
        bounds="–" if one else span(low, high),
        counts=f"{counts}/{shares[0].n:,}",
        note="1 seed" if one else f"{len(shares)} seeds, range",
        control=True,
    )
