"""What is made of the recipes has to be recipes still, and small."""

from pathlib import Path

import pytest
import yaml
from small_recipes import AS_IT_IS, like, read, small

from tapeout.runs import comparison_recipe, parse_recipe, read_comparison

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_can_be_made_small(path: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(ROOT)
    source = small(read(path), path.stem, Path("runs"))
    written = tmp_path / path.name
    written.write_text(yaml.safe_dump(source, sort_keys=False), encoding="utf-8")
    if "methods" in source:
        recipe = comparison_recipe(read_comparison(written))
    else:
        recipe = parse_recipe(source)
    assert recipe.name == path.stem
    for planned in recipe.stages if path.stem not in AS_IT_IS else ():
        stage = vars(planned.stage)
        assert (stage.get("steps") or 0) <= 600 and stage.get("precision") != "bfloat16"
        assert "/" not in stage.get("source", "") or stage["source"].startswith("runs/")


def test_recipes_that_are_one_but_for_their_names_run_once(tmp_path: Path) -> None:
    for name, steps in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nsteps: {steps}\n")
    assert like(tmp_path / "b.yaml", tmp_path) is None
    (tmp_path / "runs" / "a" / "stages").mkdir(parents=True)
    assert like(tmp_path / "b.yaml", tmp_path) == tmp_path / "runs" / "a"
    assert like(tmp_path / "c.yaml", tmp_path) is None
