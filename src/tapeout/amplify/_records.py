"""The error-localisation set: where wrong chains of reasoning leave right ones (paper 2, 3.1.1)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import AmplifyError
from ..models import Fingerprint

SCHEMA_VERSION = 1

Method = Literal["prefix", "branching"]
"""How pivots are found: by shared prefixes of sampled chains, or by branching off greedy ones."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One place where two chains of reasoning part, as token ids: text is never tokenised again.

    Attributes:
        tokens: what stands before the two tokens, behind the set's prefix; it ends with the
            intervention token.
        desired: the token that leads to a right answer.
        undesired: the token that leads to a wrong one.
        template_id, instance_id: the problem's.
        greedy_right: whether greedy decoding from the question alone ends in a right answer.
        method: how the place was found.
    """

    tokens: tuple[int, ...]
    desired: int
    undesired: int
    template_id: str
    instance_id: int
    greedy_right: bool
    method: Method


@dataclass(frozen=True, kw_only=True, eq=False)
class LocalisationSet(Sequence[Record]):
    """Records that share a prefix (instruction and worked examples), in one JSONL file.

    Attributes:
        name: for results, such as `word-problems/train (branching)`.
        prefix: token ids that every record starts behind.
        model: whose traces they are.
        origin: how they came about; plain values.
    """

    name: str
    prefix: tuple[int, ...]
    records: tuple[Record, ...]
    model: Fingerprint
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        return self.records[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def save(self, path: Path) -> None:
        """One line of what all share, then one per record.

        Raises:
            AmplifyError: the file cannot be written.
        """
        head = {"schema_version": SCHEMA_VERSION, "name": self.name, "prefix": self.prefix}
        head |= {"model": asdict(self.model), "origin": dict(self.origin)}
        lines = [json.dumps(line) for line in (head, *map(asdict, self.records))]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError as error:
            raise AmplifyError(f"cannot write {path}: {error}") from error

    @classmethod
    def load(cls, path: Path) -> "LocalisationSet":
        """The set in a file.

        Raises:
            AmplifyError: there is none, it is damaged, or of a newer schema.
        """
        try:
            head, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
            version = head["schema_version"]
            if version > SCHEMA_VERSION:
                raise AmplifyError(
                    f"{path} has schema {version}, newer than {SCHEMA_VERSION}: update Tapeout"
                )
            records = tuple(Record(**line | {"tokens": tuple(line["tokens"])}) for line in lines)
            return cls(
                name=head["name"],
                prefix=tuple(head["prefix"]),
                records=records,
                model=Fingerprint(**head["model"]),
                origin=head["origin"],
            )
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise AmplifyError(f"{path} holds no localisation set: {error}") from error
