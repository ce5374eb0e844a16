import pytest

from tapeout.errors import RecipeError
from tapeout.runs import comparison_recipe, parse_recipe, read_comparison, read_recipe

GOOD = {
    "model": {"kind": "load", "source": "smollm2"},
    "task": {"kind": "task", "name": "ioi"},
    "means": {"kind": "means"},
    "scores": {"kind": "find"},
    "frontier": {"kind": "frontier"},
    "circuit": {"kind": "select"},
    "proof": {"kind": "verify"},
}


def parse(**changes):
    return parse_recipe({"stages": GOOD | changes})


def keys(recipe):
    return {planned.name: planned.key for planned in recipe.stages}


def test_inputs_default_to_the_last_stage_of_their_kind():
    stages = {planned.name: planned for planned in parse().stages}
    assert {f: i and i.name for f, i in stages["proof"].inputs.items()} == {
        "model": "model",
        "task": "task",
        "circuit": "circuit",
    }
    assert stages["scores"].inputs["means"].name == "means"


def test_problems_read_a_model_only_if_it_is_named():
    unnamed = parse(problems={"kind": "problems"}).stages[-1]
    named = parse(problems={"kind": "problems", "model": "model"}).stages[-1]
    assert unnamed.inputs["model"] is None
    assert named.inputs["model"].name == "model"


def test_a_key_depends_on_the_settings_and_on_what_is_read_only():
    before = keys(parse())
    after = keys(parse(frontier={"kind": "frontier", "bisections": 1}))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"frontier", "circuit", "proof"}
    renamed = {("other" if name == "task" else name): entry for name, entry in GOOD.items()}
    assert keys(parse_recipe({"stages": renamed}))["proof"] == before["proof"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": {"kind": "fnd"}}, "did you mean 'find'"),
        ({"scores": {"kind": "find", "basline": "zero"}}, "did you mean 'baseline'"),
        ({"scores": {"kind": "find", "baseline": "zeros"}}, "did you mean 'zero'"),
        ({"scores": {"kind": "find", "steps": "five"}}, "steps: needs int"),
        ({"scores": {"kind": "find", "correct_only": 1}}, "correct_only: needs bool"),
        ({"scores": {"kind": "find", "task": "tsk"}}, "did you mean 'task'"),
        ({"frontier": {"kind": "frontier", "shares": 0.5}}, "shares: needs a list"),
        ({"scores": {"kind": "mask", "weights": {"layer": "x"}}}, "weights.layer: needs float"),
        ({"model": {"kind": "load"}}, "'source' is missing"),
        ({"task": {"name": "ioi"}}, "needs a kind"),
        ({"task": "ioi"}, "needs a kind"),
        (
            {"model": {"kind": "find"}},
            "needs a stage of kind load or base or .* before it",
        ),
    ],
)
def test_bad_recipes(changes, message):
    with pytest.raises(RecipeError, match=message):
        parse(**changes)


def test_numbers_that_yaml_takes_for_words():
    stage = parse(scores={"kind": "mask", "learning_rate": "1e-3", "weights": {"layer": "6e-05"}})
    mask = next(planned.stage for planned in stage.stages if planned.name == "scores")
    assert mask.learning_rate == 1e-3 and mask.weights == {"layer": 6e-5}


@pytest.mark.parametrize("data", [None, [], {"stages": []}, {"stages": GOOD, "nmae": "x"}])
def test_not_a_recipe(data):
    with pytest.raises(RecipeError):
        parse_recipe(data)


def test_files(tmp_path):
    with pytest.raises(RecipeError, match="cannot read"):
        read_recipe(tmp_path / "none.yaml")
    path = tmp_path / "bad.yaml"
    path.write_text("stages: [")
    with pytest.raises(RecipeError, match="not YAML"):
        read_recipe(path)


def test_the_shipped_recipes_parse():
    from pathlib import Path

    recipes = list((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
    assert recipes
    for path in recipes:
        if "methods:" in path.read_text():
            assert comparison_recipe(read_comparison(path)).stages
        else:
            assert read_recipe(path).stages
