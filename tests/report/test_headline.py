from pathlib import Path
from typing import Any

from . import of_directions, samples
from .samples import Page, page_of, share, stage, whole


def top(folder: Path, stages: dict[str, Any]) -> str:
    """The text of the page before its first section."""
    page = page_of(folder, stages)
    return Page(page[page.index("<header>") : page.index("</header>") + 9]).text


def test_the_numbers_are_those_of_the_results(tmp_path: Path) -> None:
    text = top(tmp_path, whole())
    assert "In smollm2, 25.0% of the MLP channels and attention heads in play" in text
    assert "keep 97.3% of the full model’s accuracy on ioi: 90.0% against 92.5% exact" in text
    assert "(test split, n = 40, mean replacement over ioi/reference (n=20))" in text
    assert "Without them 2.5% is left" in text
    assert "random circuits with as many nodes in every layer get 2.5% (mean of 2 seeds)" in text
    assert "it has 82.0% of the parameters and runs 1.30 times as fast" in text
    assert "caveats" not in page_of(tmp_path, whole()).partition("</style>")[2]


def test_many_kinds_of_nodes_are_counted_only(tmp_path: Path) -> None:
    kinds = ("attn.q", "attn.k", "attn.v", "mlp.post_act")
    parts = {f"{site}:channel": {"kept": 1, "total": 4} for site in kinds}
    stages = whole() | {"verify": stage("verify", samples.verify(by_part=parts))}
    assert "25.0% of the nodes of 4 kinds in play" in top(tmp_path, stages)


def test_other_numbers_other_headline(tmp_path: Path) -> None:
    stages = whole()
    changes = {
        "share": 0.004,
        "autoregressive": share(11, 40),
        "relative": 11 / 37,
        "necessity": share(9, 40),
        "random": [],
    }
    stages["verify"] = stage("verify", samples.verify(**changes))
    stages["measure"] = stage("measure", samples.measure(speed=0.5))
    text = top(tmp_path, stages)
    assert "0.40% of the MLP channels" in text
    assert "keep 29.7% of" in text and "27.5% against 92.5%" in text
    assert "Without them 22.5% is left" in text and "No random circuit was run" in text
    assert "runs slower, at 0.500 times" in text


def test_autoregressive_accuracy_is_the_one_that_counts(tmp_path: Path) -> None:
    changes = {"teacher_forced": share(40, 40), "autoregressive": share(10, 40)}
    stages = {"proof": stage("verify", samples.verify(**changes, relative=10 / 37))}
    text = top(tmp_path, stages)
    assert "25.0% against 92.5%" in text and "100" not in text


def test_a_speed_within_the_noise_is_no_gain(tmp_path: Path) -> None:
    stages = whole() | {"measure": stage("measure", samples.measure(speed=1.02))}
    assert "runs about as fast (1.02 times" in top(tmp_path, stages)


def test_a_speed_whose_timings_overlap_is_told_so(tmp_path: Path) -> None:
    found = samples.measure(speed=1.3)
    for model in found["models"]:
        model["tokens_per_second_range"] = [1.0, 1e9]
    text = top(tmp_path, whole() | {"measure": stage("measure", found)})
    assert "had 1.30 times the full model’s tokens per second, though the quartiles" in text


def test_a_leak_is_said(tmp_path: Path) -> None:
    leak = samples.verify(empty=share(12, 40), empty_leaks=True)
    text = top(tmp_path, whole() | {"verify": stage("verify", leak)})
    assert "The empty circuit does a part of the task" in text and "30.0% right" in text
    assert "a coin" not in text and "The empty circuit" not in top(tmp_path, whole())
    both = whole() | {"verify": stage("verify", leak | {"chance": 0.25})}
    assert "where a coin gets 25.0%" in top(tmp_path, both)


def test_a_squeeze_that_took_nothing_out_is_said(tmp_path: Path) -> None:
    squeezed = whole()["select"]["metrics"] | {
        "reached": True,
        "finished": True,
        "bar": 0.4875,
        "evaluations": 200,
    }
    found = []
    for change in ({}, {"reached": False}, {"finished": False}):
        extra = {"smaller": stage("squeeze", squeezed | change)}
        found.append(top(tmp_path, whole() | extra))
    assert not any(said in found[0] for said in ("Nothing was taken out", "A smaller one may do"))
    assert "Nothing was taken out. A circuit to squeeze is below its bar of 48.8%" in found[1]
    assert "A smaller one may do. Squeezing ended when 200 circuits were tried (" in found[2]


def test_controls_that_do_as_well_are_said(tmp_path: Path) -> None:
    equal = samples.verify(random=[share(0, 40), share(35, 40)], necessity=share(35, 40))
    text = top(tmp_path, whole() | {"verify": stage("verify", equal)})
    assert "A random circuit may do as well" in text and "87.5%" in text
    assert "Necessity is not shown" in text
    equal |= {"share": 1.0}
    text = top(tmp_path, whole() | {"verify": stage("verify", equal)})
    assert "The circuit is everything there is" in text and "A random circuit" not in text


def test_other_splits_and_other_replacements_are_said(tmp_path: Path) -> None:
    stages = whole()
    on = samples.setting("ioi/validation", "counterfactual")
    stages["verify"] = stage("verify", samples.verify(**on))
    text = top(tmp_path, stages)
    assert "This is not the test split" in text
    assert "The extracted model was not verified" in text


def test_models_that_disagree_are_said(tmp_path: Path) -> None:
    stages = whole() | {"measure": stage("measure", samples.measure(same_argmax=39))}
    assert "same in 39 of 40 rows" in top(tmp_path, stages)


def test_a_model_that_gets_nothing_right_claims_nothing(tmp_path: Path) -> None:
    none = samples.verify(full=share(0, 40), autoregressive=share(0, 40), relative=0.0)
    text = top(tmp_path, whole() | {"verify": stage("verify", none)})
    assert "gets none of ioi/test right" in text
    assert "keep" not in text.partition("Without")[0].replace("could keep", "")


def test_before_verification_it_says_what_is_missing(tmp_path: Path) -> None:
    sized = {kind: stage(kind) for kind in ("load", "task", "frontier", "select")}
    text = top(tmp_path, sized)
    assert "25 nodes, 25.0% of those in play" in text and "90.0% against 95.0%" in text
    assert "not yet evidence" in text
    missed = sized | {"frontier": stage("frontier", samples.frontier(smallest=None))}
    assert "no measured size keeps the target of 85.5%" in top(tmp_path, missed)
    unable = sized | {"frontier": stage("frontier", samples.frontier([(0, 0)], full=0))}
    assert "In smollm2, the full model gets none right" in top(tmp_path, unable)
    task = {kind: stage(kind) for kind in ("load", "task")}
    assert "smollm2 gets 95.0% of ioi/validation right (n = 20)" in top(tmp_path, task)
    assert "No accuracy has been measured" in top(tmp_path, {"load": stage("load")})
    assert "No stage of this run has finished" in top(tmp_path, {})


def test_without_tasks_it_says_what_else_was_measured(tmp_path: Path) -> None:
    stages = {"published": stage("condition", samples.condition()), "task": stage("task")}
    sized = {"model": "published"}
    stages["sizes"] = stage("smallest", samples.smallest(), inputs=sized)
    text = top(tmp_path, stages)
    assert "In published a circuit of 3 of 100 nodes, 3.00%, is enough for 90.0% exact" in text
    assert "accuracy on addition/test (n = 20, zero replacement)." in text
    assert "No circuit" not in text and "all 2 models" not in text
    stages["again"] = stage("smallest", samples.smallest(), inputs=sized)
    stages["again"]["metrics"]["replacements"]["zero"]["absolute"]["size"] = 7
    assert "The smallest circuits of all 2 models have 3 to 7 nodes." in top(tmp_path, stages)
    stages["sizes"]["metrics"]["replacements"]["zero"]["absolute"] = None
    text = top(tmp_path, stages)
    assert "In published no measured size of circuits keeps 90.0% exact accuracy on" in text
    assert "zero replacement); in the other one 7 nodes do." in text
    none, sizes = stages.pop("sizes"), stages.pop("again")
    text = top(tmp_path, stages | {"a": sizes, "b": none})
    assert "nodes are" not in text and "In the other one no measured size is." in text
    text = top(tmp_path, stages | {"a": sizes, "b": none, "c": sizes, "d": none})
    assert "In 1 of the 3 others 7 nodes are, in the rest no measured size is." in text
    dense = samples.train() | {"validation_loss": 4.25, "nonzero": 1000}
    losses = {"sparse": stage("train", samples.train()), "dense": stage("train", dense)}
    text = top(tmp_path, losses)
    assert "the loss of sparse is 4.50 nats a token (n = 512 tokens), with 8.00% of its" in text
    assert "that of dense is 4.25, with 100% of its weights nonzero." in text
    assert "The model solves 25.0% of problems/test (n = 40)." in top(tmp_path, {"s": solves(10)})


def test_models_that_are_left_out_are_counted(tmp_path: Path) -> None:
    trained = {f"model {place}": stage("train", samples.train()) for place in range(5)}
    assert "is 4.50, with 8.00% of its weights nonzero; 2 more are under" in top(tmp_path, trained)
    del trained["model 4"], trained["model 3"]
    assert "more are under" not in top(tmp_path, trained)


def test_tasks_that_only_give_references_are_not_what_a_model_gets_right(tmp_path: Path) -> None:
    text, other = samples.task(0), samples.task(10)
    text["worth"]["split"], other["worth"]["split"] = "text/validation", "other/validation"
    other["worth"]["criterion"] = "above_foil"
    stages = {
        "load": stage("load", samples.load() | {"source": "runs/a/stages/sparse"}),
        "reference": stage("task", text),
        "means": stage("means", inputs={"task": "reference"}),
        "ioi": stage("task"),
        "other": stage("task", other),
    }
    said = top(tmp_path, stages)
    assert "sparse, from a gets 95.0% of ioi/validation right (n = 20) and 50.0% of other" in said
    assert "(n = 20, by rank above foils). No circuit" in said and "text" not in said
    alone = {kind: stages[kind] for kind in ("load", "reference", "means")}
    assert "gets 0.0% of text/validation right" in top(tmp_path, alone)


EDGES = {"edges": {"kept": 25, "total": 100}, "heads": {"kept": 3, "total": 8}}


def test_circuits_of_edges_are_not_called_nodes(tmp_path: Path) -> None:
    of_edges = samples.verify(by_part=EDGES, random=[share(40, 40)])
    stages = whole() | {"verify": stage("verify", of_edges)}
    stages["select"]["metrics"]["by_part"] = EDGES
    text = top(tmp_path, stages)
    assert "25.0% of the edges in play keep" in text
    assert "random circuits with as many edges into every layer get" in text
    assert "the choice of edges is not shown to matter" in text
    page = Page(page_of(tmp_path, stages)).text
    assert "circuit of 25 edges" in page and "25 edges, 25.0% of the universe" in page
    many = {f"nodes-{n}": stage("select") for n in range(4)}
    cells = [p for _, p in Page(page_of(tmp_path, stages | many)).pieces]
    assert {"Size", "25 edges", "25 nodes"} <= set(cells)


def test_a_circuit_that_gets_none_right_is_not_measured_by_random_ones(tmp_path: Path) -> None:
    none = samples.verify(autoregressive=share(0, 40), random=[share(0, 40)])
    text = top(tmp_path, whole() | {"verify": stage("verify", none)})
    assert "The circuit gets none right" in text and "A random circuit" not in text


def solves(right: int, **inputs: str) -> dict[str, Any]:
    accuracy = {"split": "problems/test", "accuracy": share(right, 40), "answered": share(40, 40)}
    if not inputs:
        return stage("solve", accuracy)
    gain = {"value": (right - 20) / 40, "low": -0.05, "high": 0.25, "p": 0.03}
    return stage("solve", accuracy | {"gain": {"by_problem": gain}}, inputs=inputs)


def test_a_changed_model_is_said_beside_its_base_and_beside_a_random_change(tmp_path: Path) -> None:
    update = samples.load() | {"n": 8, "step": 4, "base_score": 0.5, "score": 0.75, "others": {}}
    stages = {
        "mask": stage("select"),
        "drawn": stage("random", samples.select(), inputs={"circuit": "mask"}),
        "better": stage("amplify", update, inputs={"circuit": "mask"}),
        "control": stage("amplify", update, inputs={"circuit": "drawn"}),
        "all": stage("amplify", update),
        "before": solves(20),
        "all solves": solves(25, model="all", against="before"),
    }
    text = top(tmp_path, stages)
    assert (
        "smollm2 (all) solves 62.5% of problems/test (n = 40) against 50.0% before: +12.5" in text
    )
    assert "[−5.0, +25.0] points." in text and "components" not in text
    del stages["all solves"]
    stages["better solves"] = solves(26, model="better", against="before")
    stages["control solves"] = solves(22, model="control", against="before")
    text = top(tmp_path, stages)
    assert (
        "smollm2 (better) solves 65.0%" in text and "an update of 25.0% of the components" in text
    )
    assert "Updates of as many random ones gain +5.0 [−5.0, +25.0] points." in text
    assert "other changed" not in text and "random components may do as well" in text
    stages["control solves"] = solves(17, model="control", against="before")
    assert "random components may do as well" not in top(tmp_path, stages)
    stages["control solves"] = solves(22, model="control", against="before")
    stages["better"]["metrics"]["step"] = 0
    text = top(tmp_path, stages)
    assert "no step of its update did better on validation: it is its base." in text
    assert "of the components" not in text and "may do as well" not in text
    stages["better"]["metrics"]["step"] = 4
    stages["all solves"] = solves(18, model="all", against="before")
    assert "The other changed model gains −5.0 points." in top(tmp_path, stages)
    stages["control again"] = stages["control"]
    stages["control again solves"] = solves(19, model="control again", against="before")
    text = top(tmp_path, stages)
    assert "Updates of random components gain −2.5 to +5.0 points in 2 draws." in text
    assert "random components may do as well (in 2 of 2 cases)." in text


def test_toys_say_how_many_groups_were_found(tmp_path: Path) -> None:
    toys = {"one": stage("toy", of_directions.toy())}
    text = top(tmp_path, toys)
    assert "tms: directions of their own are found for 5 of 5 groups of features, in one d" in text
    less = of_directions.toy()
    less["measures"]["found"] = 3
    text = top(tmp_path, toys | {"two": stage("toy", less)})
    assert "are found for 3 to 5 of 5 groups of features, in 2 decompositions." in text


def test_the_frontier_that_is_spoken_of_is_named_among_several(tmp_path: Path) -> None:
    load, one = {"model": stage("load")}, {"one": stage("frontier")}
    assert "In smollm2: 25 nodes" in top(tmp_path, load | one)
    text = top(tmp_path, load | one | {"two": stage("frontier")})
    assert "By one, in smollm2: 25 nodes" in text


def test_no_model_is_named_where_there_is_doubt(tmp_path: Path) -> None:
    two = {"other": stage("load", samples.load() | {"source": "gpt2"})} | whole()
    text = top(tmp_path, two)
    assert "smollm2" not in text and "gpt2" not in text
    two["verify"]["inputs"] = {"model": "other"}
    assert "In gpt2, 25.0%" in top(tmp_path, two)
    two["other"]["metrics"]["source"] = "weight-sparse transformer"
    assert "In the weight-sparse transformer, 25.0%" in top(tmp_path, two)
    two["other"] = stage("load")
    assert "In smollm2 (other), 25.0%" in top(tmp_path, two)


def test_what_was_cut_out_is_not_said_to_be_the_circuit_where_there_is_doubt(
    tmp_path: Path,
) -> None:
    several = {"first": stage("select")} | whole()
    text = top(tmp_path, several)
    assert "Cut out as a model of its own" not in text
    assert "The model that stage measure is about has 82.0%" in text
    for name in ("verify", "measure"):
        several[name]["inputs"] = {"circuit": "first"}
    assert "Cut out as a model of its own it has 82.0%" in top(tmp_path, several)


def test_a_given_circuit_counts_as_one(tmp_path: Path) -> None:
    stages = whole()
    del stages["select"], stages["frontier"]
    given = {"given": stage("circuit", samples.select())}
    stages = {"load": stages.pop("load")} | given | stages
    assert "Cut out as a model of its own it has 82.0%" in top(tmp_path, stages)
    assert "Where the circuit lies" in page_of(tmp_path, stages)
