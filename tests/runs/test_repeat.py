"""Groups of stages, written out."""

from typing import Any

import pytest

from tapeout.errors import RecipeError
from tapeout.runs import parse_recipe

from ..words import word_model


@pytest.fixture
def stages(tmp_path: Any) -> dict[str, Any]:
    word_model().save_pretrained(tmp_path / "model")
    return {
        "model": {"kind": "load", "source": str(tmp_path / "model")},
        "task": {"kind": "task", "name": "addition"},
        "scores": {"kind": "mask"},
        "seeds": {
            "each": {"seed": [0, 7]},
            "stages": {
                "scores": {"kind": "mask", "seed": "$seed"},
                "sizes": {"kind": "frontier", "scores": "scores", "task": "task"},
                "circuit": {"kind": "select", "scores": "scores", "frontier": "sizes"},
            },
        },
    }


def test_a_group_stands_for_its_stages(stages: dict[str, Any]):
    recipe = parse_recipe({"stages": stages})
    names = [planned.name for planned in recipe.stages]
    assert names[:4] == ["model", "task", "scores", "scores-0"]
    assert names[4:] == ["sizes-0", "circuit-0", "scores-7", "sizes-7", "circuit-7"]
    written = dict(stages)
    del written["seeds"]
    for seed in (0, 7):
        written |= {
            f"scores-{seed}": {"kind": "mask", "seed": seed},
            f"sizes-{seed}": {"kind": "frontier", "scores": f"scores-{seed}", "task": "task"},
            f"circuit-{seed}": {
                "kind": "select",
                "scores": f"scores-{seed}",
                "frontier": f"sizes-{seed}",
            },
        }
    by_hand = {planned.name: planned.key for planned in parse_recipe({"stages": written}).stages}
    assert {planned.name: planned.key for planned in recipe.stages} == by_hand


def test_a_group_that_is_none_is_told(stages: dict[str, Any]):
    for each in ([0, 1], {"seed": 3}, {"seed": []}, {"seed": [0], "rate": [1]}):
        with pytest.raises(RecipeError, match="needs `each`"):
            parse_recipe({"stages": stages | {"seeds": stages["seeds"] | {"each": each}}})
    with pytest.raises(RecipeError, match="two stages have the name 'sizes-7'"):
        parse_recipe({"stages": {"sizes-7": stages["scores"]} | stages})


def test_what_is_wrong_in_a_group_is_told_as_anywhere(stages: dict[str, Any]):
    inner = stages["seeds"]["stages"]
    for wrong, match in (({"kind": "msk"}, "unknown kind"), ({"kind": "mask", "sed": 1}, "sed")):
        group = stages["seeds"] | {"stages": inner | {"scores": wrong}}
        with pytest.raises(RecipeError, match=match):
            parse_recipe({"stages": stages | {"seeds": group}})
