"""A circuit at every granularity, as the report reads it."""

from dataclasses import dataclass

from ._fields import Fields
from ._text import part_words, percent
from ._values import Kept

COUNTS = (
    ("edges", "edges, as the literature counts"),
    ("paper_edges", "edges, by node pruning's rule"),
    ("parameters", "weights of blocks, as extraction cuts"),
    ("paper_parameters", "parameters of blocks, by node pruning's rule"),
)

PART_HEAD = ("part", "kept", "of", "sparsity", "note")
COUNT_HEAD = ("count", "kept", "of", "gone")
LAYER_HEAD = ("layer", "attention", "MLP", "heads", "head channels", "MLP channels", "MLP outputs")


@dataclass(frozen=True)
class Layer:
    """What is left of one layer."""

    layer: int
    attention: bool
    mlp: bool
    heads: Kept
    names: list[str]
    channels: Kept
    hidden: Kept
    outputs: Kept

    @classmethod
    def of(cls, fields: Fields) -> "Layer":
        layer = fields.whole("layer")
        sizes = ("heads", "head_channels", "hidden", "outputs")
        heads, channels, hidden, outputs = (Kept.of(fields.child(name)) for name in sizes)
        return cls(
            layer=layer,
            attention=fields.flag("attention"),
            mlp=fields.flag("mlp"),
            heads=heads,
            names=[f"{layer}.{int(head)}" for head in fields.numbers("kept_heads")],
            channels=channels,
            hidden=hidden,
            outputs=outputs,
        )

    @property
    def gone(self) -> list[int]:
        """Numbers of the heads that are gone."""
        kept = {int(name.partition(".")[2]) for name in self.names}
        return [head for head in range(self.heads.total) if head not in kept]

    @property
    def cells(self) -> list[str]:
        """As a line of the table of layers."""
        blocks = [
            "" if not some.total else "kept" if there else "–"
            for there, some in ((self.attention, self.heads), (self.mlp, self.outputs))
        ]
        sizes = (self.heads, self.channels, self.hidden, self.outputs)
        return [str(self.layer), *blocks, *(f"{size.kept:,}/{size.total:,}" for size in sizes)]


@dataclass(frozen=True)
class Summary:
    """What `circuits.summarise` reports of a circuit."""

    parts: list[tuple[str, Kept, bool]]
    layers: list[Layer]
    counts: list[tuple[str, Kept]]

    @classmethod
    def of(cls, fields: Fields) -> "Summary":
        parts = [(n, Kept.of(f), f.flag("gated")) for n, f in fields.named("granularities")]
        counts = [(n, Kept.of(fields.child(n))) for n, _ in COUNTS if n in fields]
        return cls(parts, [Layer.of(item) for item in fields.children("layers")], counts)

    @property
    def heads(self) -> list[str]:
        """Names of the heads that are left: `9.6` is head 6 of layer 9."""
        return [name for layer in self.layers for name in layer.names]

    @property
    def all_heads(self) -> int:
        return sum(layer.heads.total for layer in self.layers)

    @property
    def heads_title(self) -> str:
        return f"Heads kept, {len(self.heads):,} of {self.all_heads:,} (layer.head)"

    @property
    def heads_words(self) -> str:
        """The heads that are left by name; where they are most, those that are gone."""
        kept = self.heads
        if len(kept) <= max(self.all_heads / 2, 40):
            return " ".join(kept) or "none"
        names = [f"{layer.layer}.{head}" for layer in self.layers for head in layer.gone]
        return f"all but {' '.join(names)}" if names else "all"

    @property
    def part_lines(self) -> list[list[str]]:
        """Units by granularity: part, kept, of, sparsity, note."""
        return [
            [
                part_words(part),
                f"{kept.kept:,}",
                f"{kept.total:,}",
                percent(1 - kept.share),
                "" if gated else "no gates of their own",
            ]
            for part, kept, gated in self.parts
        ]

    @property
    def count_lines(self) -> list[list[str]]:
        """Edges and parameters: what, kept, of, gone."""
        words = dict(COUNTS)
        return [
            [words[name], f"{kept.kept:,}", f"{kept.total:,}", percent(1 - kept.share, 2)]
            for name, kept in self.counts
        ]

    def gone(self, count: str) -> str:
        """The share that is gone of one of `COUNTS`."""
        found = dict(self.counts).get(count)
        return percent(1 - found.share, 2) if found else "–"
