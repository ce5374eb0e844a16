"""What holds for every task."""

from hypothesis import Phase, settings

from tapeout.tasks import SPLITS, Counts, Task, build

few = settings(deadline=None, max_examples=8, phases=(Phase.explicit, Phase.generate))
"""For properties of whole tasks: no shrinking, since it takes minutes and makes little clearer."""


def check(task: Task, counts: Counts) -> None:
    """Sizes, disjoint splits, counterfactuals, tokens that read as the text, and the config."""
    assert {split: len(getattr(task, split)) for split in SPLITS} == dict(counts.items())
    _check_disjoint(task)
    for split in task.splits:
        prompts = [example.prompt for example in split.examples]
        assert len(set(prompts)) == len(prompts)
        for example, encoded in zip(split.examples, split.encoded, strict=True):
            assert example.counterfactual != example.prompt
            assert len(encoded.counterfactual) == len(encoded.prompt)
            assert not set(example.answers) & set(example.foils)
            texts = [*example.answers, *example.foils]
            tokens = [*encoded.answers, *encoded.foils]
            assert len(texts) == len(tokens)
            for at in {0, len(texts) // 2, len(texts) - 1}:  # decoding a hundred takes long
                whole = split.tokenizer.decode(encoded.prompt + tokens[at])
                assert whole == example.prompt + texts[at]
    again = build(tokenizer=task.train.tokenizer, **task.config)
    assert [list(split) for split in again.splits] == [list(split) for split in task.splits]
    assert again.config == task.config


def _check_disjoint(task: Task) -> None:
    content = [
        {key for example in split.examples for key in (*example.content, example.counterfactual)}
        for split in task.splits
    ]
    for number, keys in enumerate(content):
        for others in content[number + 1 :]:
            assert not keys & others
