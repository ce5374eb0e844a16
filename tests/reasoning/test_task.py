"""How problems are put to a model: tokens of prefix and prompt, chats, stops, right and wrong."""

from fractions import Fraction

import pytest

from tapeout.errors import TaskError
from tapeout.reasoning import (
    Problem,
    ProblemSplit,
    ReasoningTask,
    build,
    filter_templates,
    score,
    word_problems,
)

from .letters import CHAT, letters


@pytest.fixture(scope="module")
def task() -> ReasoningTask:
    return word_problems(n=6, steps=(1, 2), shots=2)


def test_the_prompt_ends_where_the_solution_begins(task: ReasoningTask) -> None:
    problem = task.test[0]
    text = task.prefix_text + task.prompt_text(problem)
    assert text.startswith(task.prompting.instruction + "\nQ: ")
    assert text.endswith(f"\nQ: {problem.question}\nA: Let's think step by step.")
    for shot in task.shots:
        assert f"Q: {shot.question}\nA: Let's think step by step. {shot.solution}\n" in text
    assert text.count("Q: ") == 3


def test_tokens_are_the_prefixs_and_then_the_prompts(task: ReasoningTask) -> None:
    tokenizer, problem = letters(adds_bos=True), task.test[0]
    prefix, prompt = task.prefix_ids(tokenizer), task.prompt_ids(tokenizer, problem)
    assert prefix[0] == tokenizer.bos_token_id and tokenizer.bos_token_id not in prompt
    assert tokenizer.decode(prefix[1:]) == task.prefix_text
    assert tokenizer.decode(prompt) == task.prompt_text(problem)
    solution = tokenizer.decode(task.solution_ids(tokenizer, problem))
    assert solution == f" {problem.solution}\n"


def test_right_and_wrong(task: ReasoningTask) -> None:
    problem = task.test[0]
    assert task.is_right(f" {problem.solution}", problem)
    assert task.is_right(f" {problem.solution}\nQ: Another?\nA: The final answer is -1.", problem)
    assert task.is_right(f" It is {problem.answer}\nQ: What is 1 + 1?", problem)
    assert not task.is_right(f" The final answer is {problem.answer + 1}.", problem)
    assert not task.is_right(" I do not know.", problem)
    assert task.is_stated(" The final answer is 3.") and not task.is_stated(" Then there are 3.")
    assert not task.is_stated(" Then there are 3.\nQ: The final answer is 4.")


def test_a_chat_keeps_the_question_apart(task: ReasoningTask) -> None:
    tokenizer, problem = letters(chat=CHAT, adds_bos=True), task.test[0]
    chat = task.in_chat(tokenizer)
    assert chat.prefix_text.startswith(f"[BOS]<|user|>{task.prompting.instruction}\n")
    assert chat.prefix_text.endswith("<|end|>\n<|user|>")
    assert chat.prompt_text(problem) == (
        f"{problem.question}<|end|>\n<|assistant|>Let's think step by step."
    )
    assert chat.stops == ("<|end|>",)
    assert chat.is_right(f" {problem.solution}<|end|>\n<|user|>The answer is -1.", problem)
    prefix = chat.prefix_ids(tokenizer)
    assert prefix.count(tokenizer.bos_token_id) == 1
    whole = tokenizer.apply_chat_template(
        [
            *(turn for shot in task.shots for turn in turns(task, shot)),
            *turns(task, problem),
        ],
        tokenize=False,
    )
    first = task.shots[0].question
    whole = whole.replace(first, f"{task.prompting.instruction}\n{first}")
    solution = chat.solution_ids(tokenizer, problem)
    ids = prefix + chat.prompt_ids(tokenizer, problem) + solution
    assert tokenizer.decode(ids) == whole


def turns(task: ReasoningTask, problem: Problem) -> list[dict[str, str]]:
    reply = f"{task.prompting.cue} {problem.solution}"
    return [
        {"role": "user", "content": problem.question},
        {"role": "assistant", "content": reply},
    ]


def test_a_chat_without_shots() -> None:
    tokenizer = letters(chat=CHAT)
    chat = build("word-problems", n=3, shots=0, chat=True, tokenizer=tokenizer)
    assert chat.prefix_text == f"[BOS]<|user|>{chat.prompting.instruction}\n"
    again = build(**chat.config, tokenizer=tokenizer)
    assert again.prompting == chat.prompting


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "no chat template"),
        ("{{ messages[-1]['content'] }}{{ messages[-1]['content'] }}", "every turn once"),
        ("{{ messages[-1]['content'][:3] }}", "every turn once"),
        ("{{ messages[-1]['content'] }}", "ends a reply with nothing"),
    ],
)
def test_chats_that_cannot_be(task: ReasoningTask, template: str | None, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        task.in_chat(letters(chat=template))


@pytest.mark.parametrize("chat", [None, CHAT])
def test_as_a_task_of_prompts_and_solutions(task: ReasoningTask, chat: str | None) -> None:
    tokenizer = letters(chat=chat)
    own = task.in_chat(tokenizer) if chat else task
    plain = own.to_task(tokenizer, reference=0.25)
    assert len(plain.train) + len(plain.reference) == len(task.train)
    assert len(plain.reference) == len(task.train) // 4
    problem, encoded = own.test[1], plain.test.encoded[1]
    assert encoded.prompt == own.prefix_ids(tokenizer) + own.prompt_ids(tokenizer, problem)
    assert encoded.answers == [own.solution_ids(tokenizer, problem)]
    assert tokenizer.decode(encoded.prompt) == plain.test[1].prompt
    assert tokenizer.decode(encoded.answers[0]) == plain.test[1].answers[0]
    assert plain.test.subset([1], "one").encoded == [encoded]
    assert plain.test.take(2).encoded[1] == encoded
    assert sum(len(batch.rows) for batch in plain.test.take(2).batches(2)) == 2
    assert plain.test[1].strata == {"template": problem.template_id, "steps": str(problem.steps)}


def problem(name: str, row: int, steps: int = 1, answer: int = 1) -> Problem:
    return Problem(
        question=f"{name} {row}?",
        solution=f"The final answer is {answer}.",
        answer=Fraction(answer),
        template_id=name,
        instance_id=row,
        steps=steps,
    )


def small(train: list[Problem], test: list[Problem]) -> ReasoningTask:
    return ReasoningTask(
        name="t",
        train=ProblemSplit("t/train", tuple(train)),
        validation=ProblemSplit("t/validation", (problem("v", 0),)),
        test=ProblemSplit("t/test", tuple(test)),
    )


def test_splits_share_nothing() -> None:
    with pytest.raises(TaskError, match=r"t/train and t/test share 'a 1\?'"):
        small([problem("a", 0), problem("a", 1)], [problem("a", 1)])
    with pytest.raises(TaskError, match="t/test has no problems"):
        small([problem("a", 0)], [])


def test_scores_by_template_and_by_steps() -> None:
    asked = [problem("a", 0, 2, 5), problem("a", 1, 2, 5), problem("a", 2, 2, 5), problem("b", 0)]
    task = small([problem("c", 0)], asked)
    texts = [" The final answer is 5.", " It is 5", " The answer is 6.", " none"]
    found = score(task, task.test, texts)
    assert found.right == (True, True, False, False)
    assert found.accuracy_by_template == {"a": 2 / 3, "b": 0.0}
    assert found.template_mean == pytest.approx(1 / 3)
    assert found.accuracy.right == 2 and found.accuracy.n == 4
    assert found.accuracy.low < 0.5 < found.accuracy.high
    assert {steps: (s.right, s.n) for steps, s in found.by_steps.items()} == {1: (0, 1), 2: (2, 3)}
    assert list(found.by_steps) == [1, 2]
    assert found.in_format.right == 2
    assert found.to_dict()["by_steps"]["2"]["right"] == 2
    with pytest.raises(TaskError, match="4 problems, but there are 3 texts"):
        score(task, task.test, texts[:3])


def test_only_what_the_model_cannot_do_stays_in_training() -> None:
    task = word_problems(n=5, steps=(1,))
    first, second, *rest = task.train.template_ids
    accuracy = {first: 0.79, second: 0.2, **dict.fromkeys(rest, 0.8)}
    left = filter_templates(task, accuracy)
    assert left.train.template_ids == [first, second]
    assert left.test == task.test and "2 of" in left.train.name
    again = build(**left.config)
    assert list(again.train) == list(left.train)
    with pytest.raises(TaskError, match="already solves every template"):
        filter_templates(task, dict.fromkeys(accuracy, 0.9))
    with pytest.raises(TaskError, match=f"such as {second!r}"):
        filter_templates(task, {name: a for name, a in accuracy.items() if name != second})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "gsm"}, "no reasoning task 'gsm': did you mean 'gsm8k'"),
        ({"name": "word-problems", "shot": 3}, "no option 'shot': did you mean 'shots'"),
        ({"name": "gsm8k"}, "gsm8k needs the option 'path'"),
        ({"name": "word-problems", "n": 3, "train_templates": ["none"]}, "no template 'none'"),
        ({"name": "word-problems", "n": 3, "chat": True}, "no chat template"),
    ],
)
def test_building_by_name(options: dict, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        build(**options)
