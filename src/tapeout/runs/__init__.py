"""Recipes, stages, artifacts, resume."""

from ._amplifying import amplify_recipe
from ._bridging import bridge_recipe
from ._circuits import Found, Proof, circuits_in
from ._compare import (
    Comparison,
    comparison_recipe,
    comparison_rows,
    read_comparison,
    write_comparison,
)
from ._decomposing import contrast_recipe, decompose_recipe
from ._list import dry_run, list_runs
from ._log import Watcher
from ._quick import condition_recipe, find_recipe, recipe_of, with_stages
from ._recipe import Recipe, parse_recipe, read_recipe
from ._run import run_recipe
from ._session import Finished

__all__ = [
    "Comparison",
    "Finished",
    "Found",
    "Proof",
    "Recipe",
    "Watcher",
    "amplify_recipe",
    "bridge_recipe",
    "circuits_in",
    "comparison_recipe",
    "comparison_rows",
    "condition_recipe",
    "contrast_recipe",
    "decompose_recipe",
    "dry_run",
    "find_recipe",
    "list_runs",
    "parse_recipe",
    "read_comparison",
    "read_recipe",
    "recipe_of",
    "run_recipe",
    "with_stages",
    "write_comparison",
]
