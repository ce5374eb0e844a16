"""A tokenizer of whole words and a task made of them, for models without one."""

from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from tapeout.models import Model
from tapeout.tasks import LOG_LIKELIHOOD, LOGIT_DIFFERENCE, Example, Split, Task

from .tiny import VOCAB, Sizes, tiny_hf


def word_tokenizer() -> Any:
    vocabulary = {f"w{i}": i for i in range(VOCAB)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="w0"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="w0")


def word_model(family: str = "llama", sizes: Sizes | None = None) -> Model:
    return Model(tiny_hf(family, sizes), word_tokenizer(), name="words")


def _example(split: int, row: int, *, answer_words: int, same_start: bool) -> Example:
    """Prompts that start with a word of their split, so that no two splits share one."""
    word = lambda i: f"w{3 + (7 * row + 11 * split + i) % 50}"  # noqa: E731
    length = 3 + row % 3
    start = "w3" if same_start else word(0)
    unique = f"w{53 + split}"
    return Example(
        prompt=" ".join([start, unique, *[word(i + row) for i in range(length)]]),
        answers=(" " + " ".join(word(20 + i) for i in range(answer_words)),),
        foils=(" " + word(31),) if answer_words == 1 else (),
        counterfactual=" ".join([start, unique, *[word(i + 9 + row) for i in range(length)]]),
        counterfactual_answer=" " + " ".join(word(40 + i) for i in range(answer_words)),
        content=(f"split {split}",),
    )


def word_task(*, n: int = 12, answer_words: int = 1, same_start: bool = False) -> Task:
    tokenizer = word_tokenizer()
    splits = {}
    for number, name in enumerate(("train", "validation", "test", "reference")):
        rows = {}
        for row in range(n):
            options = {"answer_words": answer_words, "same_start": same_start}
            example = _example(number, row, **options)
            rows[example.prompt] = example
        splits[name] = Split(f"words/{name}", list(rows.values()), tokenizer)
    metric = LOGIT_DIFFERENCE if answer_words == 1 else LOG_LIKELIHOOD
    return Task(name="words", metrics={metric.name: metric}, config={"name": "words"}, **splits)


def learnable(task: Task, model: Model) -> Task:
    """The same prompts, with what the model would greedily write as their right answers."""
    from tapeout.interventions import greedy

    splits = {}
    for split in task.splits:
        examples = []
        for example, item in zip(split.examples, split.encoded, strict=True):
            from dataclasses import replace

            from tapeout.models import Tokens

            written = greedy(model, Tokens.pad([item.prompt]), len(item.answers[0]))[0].tolist()
            text = " " + " ".join(f"w{token}" for token in written)
            foil = f" w{3 + (written[0] - 2) % 50}"
            examples.append(
                replace(example, answers=(text,), foils=(foil,) if len(written) == 1 else ())
            )
        splits[split.name.rpartition("/")[2]] = Split(split.name, examples, split.tokenizer)
    return Task(name=task.name, metrics=task.metrics, config=task.config, **splits)
