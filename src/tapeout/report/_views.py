"""What stages report, as the report reads it: one class per kind of stage."""

from dataclasses import dataclass

from ._fields import Fields
from ._text import number, percent
from ._values import Average, Kept, Setting, Share


@dataclass(frozen=True)
class Worth:
    """How well the full model does a task; a metric that is the criterion is its accuracy."""

    split: str
    criterion: str
    accuracy: Share
    metrics: list[tuple[str, Average]]

    @classmethod
    def of(cls, fields: Fields) -> "Worth":
        split, criterion = fields.text("split"), fields.text("criterion")
        found = [(name, Average.of(item)) for name, item in fields.named("metrics")]
        metrics = [(name, average) for name, average in found if name != criterion]
        return cls(split, criterion, Share.of(fields.child("accuracy")), metrics)


@dataclass(frozen=True)
class Task:
    """Split sizes and settings; `definitions` says what metrics measure, if the results do."""

    name: str
    sizes: list[tuple[str, int]]
    config: list[tuple[str, str]]
    definitions: dict[str, str]
    worth: Worth

    @classmethod
    def of(cls, fields: Fields) -> "Task":
        known = fields.child("definitions").leaves() if "definitions" in fields else []
        return cls(
            name=fields.text("task"),
            sizes=fields.child("sizes").counts(),
            config=fields.child("config").leaves() if "config" in fields else [],
            definitions=dict(known),
            worth=Worth.of(fields.child("worth")),
        )


@dataclass(frozen=True)
class Point:
    """One size on a frontier."""

    size: int
    share: float
    accuracy: Share


@dataclass(frozen=True)
class Frontier:
    """Accuracy over circuit sizes; `smallest` is the size that keeps the target."""

    setting: Setting
    full: Share
    points: list[Point]
    target: float
    relative: bool
    smallest: int | None

    @classmethod
    def of(cls, fields: Fields) -> "Frontier":
        smallest = fields.child("smallest").whole("size") if "smallest" in fields else None
        return cls(
            setting=Setting.of(fields),
            full=Share.of(fields.child("full")),
            points=sorted(map(_point, fields.children("points")), key=lambda point: point.size),
            target=fields.finite("target"),
            relative=fields.flag("relative"),
            smallest=smallest,
        )

    @property
    def bar(self) -> float:
        """The accuracy that is looked for."""
        return self.target * (self.full.value if self.relative else 1.0)

    @property
    def chosen(self) -> Point | None:
        """The smallest size that keeps the target."""
        return next((p for p in self.points if p.size == self.smallest), None)

    @property
    def target_words(self) -> str:
        """What the target is a part of."""
        return f"{percent(self.target)} of the full model's" if self.relative else "absolute"


def _point(fields: Fields) -> Point:
    bounds = (fields.finite(name) for name in ("accuracy", "low", "high"))
    accuracy = Share(fields.whole("right"), fields.whole("n"), *bounds)
    return Point(fields.whole("size"), fields.finite("share"), accuracy)


@dataclass(frozen=True)
class Sizes:
    """A chosen circuit: parts with their totals, and for each part its layers."""

    size: int
    share: float
    parts: list[tuple[str, Kept]]
    layers: dict[str, list[tuple[int, Kept]]]

    @property
    def unit(self) -> str:
        """What `size` counts."""
        return "edges" if any(part == "edges" for part, _ in self.parts) else "nodes"

    @property
    def words(self) -> str:
        return f"{self.size:,} {self.unit}"

    @property
    def alike(self) -> str:
        """In what a random circuit is as this one."""
        return f"with as many {self.unit} {'in' if self.unit == 'nodes' else 'into'} every layer"

    @classmethod
    def of(cls, fields: Fields) -> "Sizes":
        layers: dict[str, list[tuple[int, Kept]]] = {}
        for row in fields.children("by_layer") if "by_layer" in fields else []:
            part = f"{row.text('site')}:{row.text('granularity')}"
            layers.setdefault(part, []).append((row.whole("layer"), Kept.of(row)))
        return cls(
            size=fields.whole("size"),
            share=fields.finite("share"),
            parts=[(part, Kept.of(item)) for part, item in fields.named("by_part")],
            layers=layers,
        )


@dataclass(frozen=True)
class Measured:
    """One model's costs."""

    what: str
    parameters: int
    bytes: float
    flops_per_token: float
    tokens_per_second: float
    quartiles: tuple[float, float]
    forwards: int
    load_seconds: float
    peak_mb: float

    @classmethod
    def of(cls, fields: Fields) -> "Measured":
        low, high = fields.numbers("tokens_per_second_range")
        names = ("bytes", "flops_per_token", "tokens_per_second", "load_seconds", "peak_mb")
        return cls(
            what=fields.text("what"),
            parameters=fields.whole("parameters"),
            quartiles=(low, high),
            forwards=fields.whole("forwards"),
            **{name: fields.number(name) for name in names},
        )


@dataclass(frozen=True)
class Speed:
    """Full, masked and extracted model side by side."""

    models: list[Measured]
    max_logit_difference: float
    logit_scale: float
    same_argmax: int
    rows: int
    length: int
    dtype: str
    threads: int

    @classmethod
    def of(cls, fields: Fields) -> "Speed":
        return cls(
            models=[Measured.of(item) for item in fields.children("models")],
            max_logit_difference=fields.number("max_logit_difference"),
            logit_scale=fields.number("logit_scale"),
            same_argmax=fields.whole("same_argmax"),
            rows=fields.whole("rows"),
            length=fields.whole("length"),
            dtype=fields.text("dtype"),
            threads=fields.whole("threads"),
        )

    @property
    def timing(self) -> str:
        """How speed was measured, and how far it varied."""
        spans = ", ".join(
            f"{m.what} {number(m.quartiles[0])}–{number(m.quartiles[1])}" for m in self.models
        )
        forwards = min((m.forwards for m in self.models), default=0)
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return (
            f"Tokens per second: medians of {forwards:,} forwards or more, in turns, {self.dtype}, "
            f"{threads}; quartiles {spans}."
        )

    @property
    def agreement(self) -> str:
        """Whether the extracted model is the masked one."""
        return (
            f"Masked against extracted: largest logit difference "
            f"{number(self.max_logit_difference)} (logits up to {number(self.logit_scale)}), same "
            f"next token in {self.same_argmax:,} of {self.rows:,} rows."
        )

    def model(self, what: str) -> Measured | None:
        return next((model for model in self.models if model.what == what), None)


@dataclass(frozen=True)
class Loaded:
    """The model."""

    source: str
    family: str
    layers: int
    parameters: int
    weights: str

    @classmethod
    def of(cls, fields: Fields) -> "Loaded":
        counts = fields.whole("layers"), fields.whole("parameters")
        return cls(fields.text("source"), fields.text("family"), *counts, fields.text("weights"))


@dataclass(frozen=True)
class Extracted:
    """The circuit as a model of its own, as it lies on disk."""

    replacement: str
    layout: str
    full: int
    parameters: int
    file_bytes: float

    @classmethod
    def of(cls, fields: Fields) -> "Extracted":
        parameters = fields.child("parameters")
        return cls(
            replacement=fields.text("replacement"),
            layout=fields.text("layout"),
            full=parameters.whole("full"),
            parameters=parameters.whole("extracted"),
            file_bytes=fields.number("file_bytes"),
        )
