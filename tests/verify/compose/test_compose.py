import pytest
import torch

from tapeout.circuits import Circuit, Scores, Universe
from tapeout.errors import CircuitError, TaskError
from tapeout.interventions import Counterfactual, Zero, means_over
from tapeout.tasks import Task
from tapeout.verify import evaluate
from tapeout.verify.compose import TRIALS, Composer, Composing, Routed, compose, fitting

from .cases import SPEC, case

MODEL, TASK, INTERFACES = case()


def composer(fill="zero", **options):
    return Composer(MODEL, TASK, INTERFACES, SPEC, fill, config=Composing(**options))


@pytest.mark.parametrize("kind", ["zero", "mean", "counterfactual"])
def test_every_trial_keeps_the_budget_and_says_what_it_is(kind):
    fill = means_over(MODEL, TASK.reference, SPEC) if kind == "mean" else kind
    config = Composing(share=0.6, rounds=1, groups=4)
    done = []
    trials = compose(
        MODEL, TASK, INTERFACES, SPEC, fill, config=config, progress=lambda *a: done.append(a)
    )
    assert [trial.name for trial in trials] == list(TRIALS)
    assert done[-1] == (len(TRIALS), len(TRIALS))
    budget = round(0.6 * Universe.of(MODEL.shape, SPEC).size)
    for trial in trials:
        row = trial.to_dict()
        assert row["budget"] == budget and row["n"] == len(TASK.test) == trial.test.n
        assert row["replacement"] == kind and row["split"] == TASK.test.name
        assert len(row["steps"]) == 3 and row["autoregressive"] == row["teacher_forced"]
        assert all(step["right"] >= trial.test.right for step in row["steps"])
        if trial.name != "routed-each":
            assert row["size"] <= budget
        if isinstance(trial.circuit, Circuit):
            assert trial.circuit.origin["replacement"]["kind"] == kind
            assert bool(trial.circuit.means) == (kind == "mean")
            again = evaluate(MODEL, TASK.test, trial.circuit, fill_of(fill)).accuracy
            assert again == trial.test
    by_name = {trial.name: trial.circuit for trial in trials}
    union, routed = by_name["union"], by_name["routed"]
    assert isinstance(routed, Routed) and isinstance(union, Circuit)
    assert routed.union == union
    assert all((step - union).size == 0 for step in routed.steps)
    assert by_name["groups"].size == budget
    for name in ("routed-each", "sequential"):
        assert all(step.size <= budget for step in by_name[name].steps)


def fill_of(fill):
    return (
        {"zero": Zero(), "counterfactual": Counterfactual()}.get(fill, fill)
        if (isinstance(fill, str))
        else fill
    )


def test_a_union_holds_its_parts_and_no_more():
    bench = composer().bench
    parts = fitting([bench.scores(name) for name in bench.names], bench.budget)
    whole = composer().trial("union").circuit
    assert len({part.size for part in parts}) == 1
    assert all((part - whole).size == 0 for part in parts)
    assert whole == parts[0] | parts[1] | parts[2]


def test_fitting_fills_the_budget():
    universe = Universe.of(MODEL.shape, "mlp.post_act")
    draws = [torch.rand(universe.size, generator=torch.Generator().manual_seed(s)) for s in (0, 1)]
    scores = [Scores(universe, values) for values in draws]
    for budget in (1, 2, 7, universe.size):
        one, two = fitting(scores, budget)
        assert (one | two).size <= budget
        bigger = scores[0].top(min(one.size + 1, universe.size)) | scores[1].top(
            min(two.size + 1, universe.size)
        )
        assert bigger.size > budget or budget == universe.size
    one, two = fitting(scores, 9, [2.0, 1.0])
    assert one.size > two.size and (one | two).size <= 9


def test_conflicts_are_dropped():
    made = composer(share=0.6)
    signed = {name: made.bench.scores(name, "signed").values for name in made.bench.names}
    circuit = made.trial("conflicts").circuit
    budget = made.bench.budget
    helped = torch.zeros(len(circuit.kept), dtype=torch.bool)
    hurt = helped.clone()
    for values in signed.values():
        helped |= (values > 0) & (values >= values.sort(descending=True).values[budget - 1])
        hurt |= (values < 0) & (values <= values.sort().values[budget - 1])
    assert circuit.origin["conflicts"] == int((helped & hurt).sum())
    assert not (circuit.kept & helped & hurt).any()


def test_sequential_scores_see_the_circuits_before():
    """With the first step's position replaced, the second step is scored otherwise."""
    from tapeout.verify.compose._sequential import _Force

    for fill in ("zero", "counterfactual"):
        bench = composer(fill).bench
        split = INTERFACES["token-1"].train
        free = bench.ground.score(split).values
        whole = Circuit.full(bench.ground.universe)
        nothing = Circuit.empty(bench.ground.universe)
        kept = bench.ground.score(split, within=_Force(bench, [whole])).values
        forced = bench.ground.score(split, within=_Force(bench, [nothing])).values
        assert torch.equal(kept, free)
        assert (forced - free).abs().max() > 1e-4


def test_an_interface_by_itself():
    made = composer()
    row = made.local("token-1").to_dict()
    assert row["n"] == len(INTERFACES["token-1"].test) and row["full"]["value"] == 1
    assert row["size"] == made.bench.budget
    with pytest.raises(TaskError, match="did you mean 'token-1'"):
        made.local("token1")


def test_what_cannot_be_composed():
    with pytest.raises(TaskError, match="did you mean 'union'"):
        composer().trial("unio")
    with pytest.raises(TaskError, match="nothing to compose"):
        Composer(MODEL, TASK, {}, SPEC)
    with pytest.raises(TaskError, match="stratum `step`"):
        Composer(MODEL, TASK, {"whole": TASK}, SPEC)
    with pytest.raises(CircuitError, match="share=0"):
        composer(share=0.0)
    with pytest.raises(CircuitError, match="rounds and groups"):
        Composing(rounds=0)


def test_same_input_same_trials():
    config = Composing(share=0.5, rounds=1, groups=4)
    one, two = (compose(MODEL, TASK, INTERFACES, SPEC, config=config) for _ in range(2))
    assert [trial.to_dict() for trial in one] == [trial.to_dict() for trial in two]
    assert isinstance(TASK, Task)
