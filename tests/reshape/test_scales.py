"""Which scale of a change the rule takes."""

import pytest

from tapeout.errors import ReshapeError
from tapeout.reshape import ScalePoint, ScaleSweep, Size, condition, merge_scales
from tapeout.verify import Average, Share, evaluate

from ..tiny import Sizes
from ..words import learnable, word_model, word_task


@pytest.fixture(scope="module")
def case():
    model = word_model(sizes=Sizes(d_mlp=16))
    task = learnable(word_task(n=12), model)
    options = {"rank": 2, "steps": 4, "batch_size": 6, "learning_rate": 1e-2}
    return model, task, condition(model, task.train, **options).change


def test_every_scale_is_measured_as_the_merged_model(case):
    model, task, change = case
    size = Size(share=0.5, scored=6)
    sweep = merge_scales(model, change, task, scales=(1.0, 0.5), size=size, target=0.5)
    assert [point.scale for point in sweep.points] == [0.5, 1.0]
    for point in sweep.points:
        merged = change.applied(model, point.scale)
        assert point.accuracy == evaluate(merged, task.validation).accuracy
        assert set(point.recovery) == {"zero", "counterfactual"}
    assert sweep.points[0].kl.value < sweep.points[1].kl.value
    assert sweep.base == evaluate(model, task.validation).accuracy
    assert sweep.to_dict()["split"] == "words/validation"


def point(scale, right, kl, small=None):
    recovery = {} if small is None else {"zero": Share(small, 10)}
    return ScalePoint(
        scale=scale, accuracy=Share(right, 10), kl=Average.of([kl]), recovery=recovery
    )


def sweep(points, *, base=5, size=None):
    return ScaleSweep(points=points, base=Share(base, 10), target=0.9, size=size, split="s")


def test_the_lowest_distance_that_holds_is_taken():
    found = sweep([point(0.1, 8, 0.1), point(0.5, 9, 0.2), point(1.0, 10, 0.3)])
    assert found.chosen and found.chosen.scale == 0.5 and not found.degenerate
    assert sweep([point(1.0, 8, 0.3)]).chosen is None


def test_a_base_that_meets_the_target_leaves_nothing_to_decide():
    found = sweep([point(0.1, 9, 0.1), point(1.0, 9, 0.2)], base=9)
    assert found.degenerate and found.chosen and found.chosen.scale == 0.1


def test_a_size_gives_the_rule_something_to_decide():
    points = [point(0.1, 9, 0.1, small=2), point(0.5, 9, 0.2, small=9), point(1.0, 9, 0.3, small=9)]
    found = sweep(points, base=9, size=Size(share=0.02))
    assert found.chosen and found.chosen.scale == 0.5 and not found.degenerate


def test_what_makes_no_sense_is_told(case):
    model, task, change = case
    with pytest.raises(ReshapeError, match="no scale"):
        merge_scales(model, change, task, scales=())
    with pytest.raises(ReshapeError, match="give a part"):
        Size(share=0.0)
    with pytest.raises(ReshapeError, match="apply it to the model"):
        merge_scales(word_model(sizes=Sizes(d_mlp=16, seed=3)), change, task)
