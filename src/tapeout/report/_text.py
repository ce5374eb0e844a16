"""Text from results made safe to show, and numbers written the way a reader wants them."""

import json
import math
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Number = int | float
LONGEST = 200

_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ufdd0-\ufdef\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, direction marks, lone surrogates: what acts on a page without being seen."""

SIGNS = (("\\u000a", "⏎"), ("\\u0009", "⇥"), ("\\u000d", "↵"))
"""What stands for an escape of `clean`."""

PARTS = {
    "layer:block": "layers",
    "embed:block": "embedding",
    "embed:channel": "embedding channels",
    "attn.act_in:channel": "attention input channels",
    "attn.q:head": "query heads",
    "attn.k:head": "key heads",
    "attn.v:head": "value heads",
    "attn.z:head": "attention heads",
    "attn.q:channel": "query channels",
    "attn.k:channel": "key channels",
    "attn.v:channel": "value channels",
    "attn.z:channel": "attention result channels",
    "attn.resid_delta:block": "attention blocks",
    "attn.resid_delta:channel": "attention output channels",
    "mlp.act_in:channel": "MLP input channels",
    "mlp.post_act:channel": "MLP channels",
    "mlp.resid_delta:block": "MLP blocks",
    "mlp.resid_delta:channel": "MLP output channels",
}
METRICS = {"above_foil": "rank above foils"}
SHARES = {"above_foil"}
"""Metrics that are the mean of right and wrong."""
NEVER_POSITIVE = {"log_likelihood"}

_STAGE = re.compile(r"(?:^|/)([^/]+)/stages/([^/]+)/?$")
_CHANGED = {"amplify": "amplified", "tune": "tuned with LoRA"}
_POSITIONS = {
    "all": "all positions",
    "all_but_first": "all positions but the first",
    "chosen": "chosen positions",
}


def clean(value: Any, limit: int = LONGEST) -> str:
    """One line of text with nothing hidden in it; long text is cut and says how long it was."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > limit:
        text = f"{text[:limit]}… ({len(text):,} characters)"
    return _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def seen_lines(text: str) -> str:
    """Clean text with signs for new lines and tabs."""
    for hidden, sign in SIGNS:
        text = text.replace(hidden, sign)
    return text


def short(text: str, most: int = 28) -> str:
    """Clean text for places that cannot wrap."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def part_words(part: str) -> str:
    """`mlp.post_act:channel` is MLP channels; a part without a word of its own stays as it is."""
    return PARTS.get(part, part)


def universe_words(universe: str) -> str:
    """All parts of a universe such as `mlp.post_act,attn.z:head`, in words."""
    given = [part.strip() for part in universe.split(",")]
    parts = [part if ":" in part else f"{part}:channel" for part in given]
    plain = zip(parts, given, strict=True)
    return joined([PARTS.get(part, own) for part, own in plain])


def model_words(source: str) -> str:
    """A model's source by a name: of a stage's folder that of stage and run, of a path its end."""
    place, *changes = source.split(", ")
    if stage := _STAGE.search(place):
        place = f"{stage[2]}, from {stage[1]}"
    elif place.startswith(("/", ".", "~")):
        place = place.rstrip("/").rpartition("/")[2] or place
    return ", ".join([place, *(_CHANGED.get(change, change) for change in changes)])


def metric_words(metric: str) -> str:
    """`logit_difference` is logit difference."""
    return METRICS.get(metric, metric.replace("_", " "))


def capital(text: str) -> str:
    """With a capital in front; the rest as it is."""
    return text[:1].upper() + text[1:]


def joined(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def accuracy_words(criterion: str) -> str:
    """`exact accuracy`, or by what else an example counts as right."""
    return "exact accuracy" if criterion == "exact" else f"accuracy by {metric_words(criterion)}"


def setting_words(replacement: str, reference: str, positions: str = "") -> str:
    """Such as `mean replacement over ioi/reference (n=20), all positions but the first`."""
    over = f" over {reference}" if reference else ""
    where = f", {positions_words(positions)}" if positions else ""
    return f"{replacement} replacement{over}{where}"


def positions_words(positions: str) -> str:
    return _POSITIONS.get(positions, positions)


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage; 0.0% and 100.0% are said of exactly 0 and 1 only."""
    if not math.isfinite(value):
        return _unbounded(value)
    smallest = 10.0**-digits
    # as JavaScript rounds in the page's views: 31.25 is 31.3, not the even 31.2
    shown = f"{Decimal(100 * value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)}%"
    if value > 0 and float(shown[:-1]) == 0:
        return f"<{smallest:.{digits}f}%"
    if value < 1 and float(shown[:-1]) >= 100:
        return f">{100 - smallest:.{digits}f}%"
    return _minus(shown)


def share(value: float) -> str:
    """The share of a universe: with a second digit where the first would say little."""
    if value in (0, 1):
        return f"{100 * value:.0f}%"
    return percent(value, 1 if value >= 0.09995 else 2)


def span(low: float, high: float) -> str:
    """An interval of shares."""
    return f"{percent(low).removesuffix('%')}–{percent(high)}"


def number(value: Number) -> str:
    """A measured number, to three figures."""
    if not math.isfinite(value):
        return _unbounded(value)
    if value and not 1e-3 <= abs(value) < 1e6:
        return _minus(re.sub(r"e([+-])0", r"e\1", f"{value:.2e}"))
    text = f"{value:#.3g}" if abs(value) < 999.5 else f"{value:,.0f}"
    return _minus(text.removesuffix("."))


def interval(low: float, high: float) -> str:
    """An interval of measured numbers."""
    return f"[{number(low)}, {number(high)}]"


def ratio(value: Number, base: Number) -> str:
    """How many times `base`; nothing if that means nothing."""
    if not base or not math.isfinite(value / base):
        return ""
    return number(value / base)


def seconds(value: float) -> str:
    """A time span."""
    if not math.isfinite(value):
        return _unbounded(value)
    if value < 100:
        return "<0.1 s" if 0 < value < 0.05 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def thousands(value: Number) -> str:
    """A large count with a letter: k, M, G, T."""
    for letter, unit in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if math.isfinite(value) and abs(value) >= unit:
            return f"{value / unit:,.1f} {letter}"
    return number(value)


def mebibytes(value: Number) -> str:
    """A size in bytes, in MiB; a small one in KiB."""
    if value < 2**20 / 10:
        return f"{value / 2**10:,.1f} KiB"
    return f"{value / 2**20:,.1f} MiB"


def _unbounded(value: float) -> str:
    if math.isnan(value):
        return "not a number"
    return "∞" if value > 0 else "−∞"


def _minus(text: str) -> str:
    return f"−{text[1:]}" if text.startswith("-") else text
