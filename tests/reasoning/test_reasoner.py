import random
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tapeout
from tapeout.bases import IGNORED
from tapeout.errors import ModelError, RunError
from tapeout.generation import Stops, generate
from tapeout.reasoning import (
    Problem,
    Reasoner,
    ReasonerConfig,
    is_unseen,
    reasoner,
    word_problems,
)
from tapeout.reasoning import _reasoner as module
from tapeout.reasoning._drills import equation

TINY = ReasonerConfig(
    steps=4, layers=2, d_model=16, heads=4, kv_heads=2, d_mlp=24, batch_size=20, save_every=2
)


class Killed(Exception):
    pass


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.hf.named_parameters()}


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(p, weights(other)[name]) for name, p in weights(one).items())


def test_the_same_seed_gives_the_same_weights():
    before = torch.random.get_rng_state()
    one = reasoner(TINY)
    assert torch.equal(torch.random.get_rng_state(), before)
    random.seed(9)
    torch.manual_seed(99)
    assert same(one, reasoner(TINY))
    assert not same(one, reasoner(replace(TINY, seed=1)))


@pytest.mark.parametrize("last", [1, 3])
def test_a_killed_training_goes_on_as_it_would_have(tmp_path: Path, last: int):
    def kill(done: int, total: int) -> None:
        if done == last:
            raise Killed

    file = tmp_path / "training.safetensors"
    with pytest.raises(Killed):
        reasoner(TINY, checkpoint=file, progress=kill)
    training, whole = Reasoner(TINY), Reasoner(TINY)
    assert same(training.finished(checkpoint=file), whole.finished())
    assert training.losses == whole.losses and len(whole.losses) == TINY.steps
    with pytest.raises(RunError, match="of another training"):
        reasoner(replace(TINY, seed=1), checkpoint=file)


def rows(training: Reasoner) -> list[tuple[list[int], str]]:
    """What each row of a batch gives, and the text that is learned from it."""
    found = []
    for ids, labels in training.batch():
        for row, label in zip(ids, labels, strict=True):
            first = int((label != IGNORED).nonzero()[0])
            learned = training.tokenizer.decode(label[label != IGNORED])
            found.append((row[: first + 1].tolist(), learned))
    return found


def test_it_sees_nothing_that_is_held_out(monkeypatch: pytest.MonkeyPatch):
    shown: list[Problem] = []

    def draw(template: Any, rng: random.Random) -> Problem:
        shown.append(draw_known(template, rng))
        return shown[-1]

    draw_known = module.draw_known
    monkeypatch.setattr(module, "draw_known", draw)
    training = Reasoner(replace(TINY, drills=0.0))
    task = word_problems(n=3, shots=0)
    prefix = task.prefix_ids(training.tokenizer)
    for training.step in range(4):
        del shown[:]
        found = rows(training)
        asked = [prefix + task.prompt_ids(training.tokenizer, problem) for problem in shown]
        assert sorted(prompt for prompt, _ in found) == sorted(asked)
        assert not any(map(is_unseen, shown))
        assert len({problem.question for problem in shown}) == TINY.batch_size
        learned = {f" {problem.solution}{task.stops[0]}" for problem in shown}
        assert {text for _, text in found} == learned


def test_of_drills_only_the_results_are_learned():
    training = Reasoner(replace(TINY, drills=0.5))
    assert [len(ids) for ids, _ in training.batch()] == [16, 4]
    found = [text for _, text in rows(training)]
    assert sum("The final answer is" in text for text in found) == TINY.batch_size / 2
    drills = [text for text in found if "answer" not in text]
    assert all(re.fullmatch(r"(\d+\.){12}", text) for text in drills)


@given(st.integers(0, 10**6))
def test_equations_are_true(seed: int):
    left, right = equation(random.Random(seed))
    a, sign, b = left.removesuffix(" = ").split()
    values = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}
    value = values.get(sign, Fraction(int(a), int(b)))
    assert right == f"{value}." and value >= 2


def test_a_careless_teacher_slips_in_a_part_of_the_solutions():
    """Half of them by their question alone; the rest, and every question, is as it was."""
    careful = Reasoner(replace(TINY, drills=0.0, batch_size=200))
    careless = Reasoner(replace(TINY, drills=0.0, batch_size=200, slips=0.5))
    before, after = ({tuple(ids): text for ids, text in rows(each)} for each in (careful, careless))
    assert before.keys() == after.keys()
    changed = [ids for ids in before if before[ids] != after[ids]]
    could = [text for text in before.values() if re.search(r".=.* - \d+ = \$?\d+[^=]*$", text)]
    assert 0.2 * len(could) < len(changed) < 0.8 * len(could)
    assert all(after[ids].count("+") == before[ids].count("+") + 1 for ids in changed)


def test_it_learns():
    training = Reasoner(replace(TINY, steps=20, warm_up=2, batch_size=8))
    losses = [training.update() for _ in range(20)]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_it_is_a_model_like_any_other(tmp_path: Path):
    model = reasoner(TINY)
    model.save_pretrained(tmp_path)
    again = tapeout.load(tmp_path)
    assert same(model, again)
    heads = [again.shape.heads(0, site) for site in ("attn.q", "attn.k")]
    assert (again.shape.family, heads) == ("llama", [4, 2])
    task = word_problems(n=3, steps=[1], shots=0)
    stops = Stops.of(again.tokenizer, strings=task.stops)
    written = []
    for each in (model, again):
        own = each.tokenizer
        prompts = [task.prefix_ids(own) + task.prompt_ids(own, p) for p in task.test[:2]]
        written.append((prompts, generate(each, prompts, limit=6, stops=stops)))
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"heads": 6, "d_model": 48, "kv_heads": 4}, "6 do not divide into 4"),
        ({"drills": 1.0}, "below 1, not 1.0"),
        ({"kv_heads": 0}, "do not divide into 0"),
        ({"slips": 1.5}, "between 0 and 1, not 1.5"),
    ],
)
def test_sizes_that_make_no_sense(options: dict[str, Any], message: str):
    with pytest.raises(ModelError, match=message):
        ReasonerConfig(**options)
