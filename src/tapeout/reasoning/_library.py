"""Files of templates: the built-in ones, and one's own."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ..errors import TaskError, nearest
from ._template import Template
from ._variables import parse_values
from ._word import Value

FOLDER = Path(__file__).parent / "templates"
STEPS = (1, 2, 3, 4)
KEYS = ("lists", "templates")


@cache
def built_in() -> tuple[Template, ...]:
    """The templates that come with Tapeout, by number of steps."""
    return tuple(
        template
        for steps in STEPS
        for template in _templates(FOLDER / f"steps-{steps}.yaml", _words())
    )


@cache
def shot_templates() -> tuple[Template, ...]:
    """Templates for worked examples in prompts; no task has problems of them."""
    return tuple(_templates(FOLDER / "shots.yaml", _words()))


def read_templates(path: str | Path) -> tuple[Template, ...]:
    """The templates in a YAML file: `templates`, and `lists` beside the built-in ones.

    Raises:
        TaskError: there is no such file, it is no YAML, or a template is malformed.
    """
    return tuple(_templates(Path(path).expanduser(), _words()))


def chosen_templates(
    templates: str | Path | Sequence[str] | None, steps: Sequence[int]
) -> tuple[Template, ...]:
    """Templates of certain numbers of steps: all built-in ones, those named, or a file's.

    Raises:
        TaskError: an id is unknown, or no template is left.
    """
    if templates is None:
        known = built_in()
    elif isinstance(templates, str | Path):
        known = read_templates(templates)
    else:
        by_id = {template.template_id: template for template in built_in()}
        for name in templates:
            if name not in by_id:
                raise TaskError(f"there is no template {name!r}: {nearest(name, by_id)}")
        known = tuple(by_id[name] for name in dict.fromkeys(templates))
    left = tuple(template for template in known if template.steps in steps)
    if not left:
        found = sorted({template.steps for template in known})
        raise TaskError(f"no template has {_listed(steps)} steps: there are {_listed(found)}")
    return left


def _listed(numbers: Sequence[int]) -> str:
    return " or ".join(map(str, numbers))


@cache
def _words() -> Mapping[str, Sequence[Value]]:
    return _lists(_read(FOLDER / "words.yaml"), "words.yaml")


def _templates(path: Path, words: Mapping[str, Sequence[Value]]) -> list[Template]:
    content = _read(path)
    for key in content:
        if key not in KEYS:
            raise TaskError(f"{path.name}: unknown key {key!r}: {nearest(str(key), KEYS)}")
    lists = {**words, **_lists(content.get("lists", {}), path.name)}
    entries = content.get("templates")
    if not isinstance(entries, list) or not entries:
        raise TaskError(f"{path.name}: templates must be a list of at least one template")
    found: dict[str, Template] = {}
    for entry in entries:
        template = Template.parse(entry, lists, path.name)
        if template.template_id in found:
            raise TaskError(f"{path.name}: two templates have the id {template.template_id!r}")
        found[template.template_id] = template
    return list(found.values())


def _lists(content: Any, source: str) -> dict[str, Sequence[Value]]:
    if not isinstance(content, dict):
        raise TaskError(f"{source}: lists must map names to lists of words")
    return {
        str(name): parse_values(values, f"{source}, list {name!r}")
        for name, values in content.items()
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"cannot read {path}: {error}") from error
    except yaml.YAMLError as error:
        raise TaskError(f"{path} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise TaskError(f"{path.name} must be a mapping with `templates`")
    return content
