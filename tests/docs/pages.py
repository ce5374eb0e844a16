"""The fenced blocks of the documentation, as a reader meets them."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<words>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """A fenced block; `title` is the file that it stands for, if it is one."""

    language: str
    title: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Also those that are indented, as in tabs."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        language, _, rest = match["words"].strip().partition(" ")
        title = re.search(r'title="([^"]+)"', rest)
        yield Block(
            language,
            title[1] if title else "",
            textwrap.dedent(match["text"]),
            text.count("\n", 0, match.start("text")) + 1,
        )


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))
