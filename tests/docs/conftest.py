"""`smollm2` as a tiny model that knows one task, in a cache of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tapeout.models import alias_folder
from tapeout.tasks import Task, pronouns

from ..tasks.toy_tokenizers import SINGLE_DIGITS, toy


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache in which `tapeout.load("smollm2")` finds what it would have fetched."""
    place = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAPEOUT_CACHE", str(place))
        folder = alias_folder("smollm2")
    tokenizer = toy(SINGLE_DIGITS)
    model = _llama(len(tokenizer))
    _teach(model, tokenizer, pronouns(tokenizer, n=300))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    yield place


def _llama(vocabulary: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=36,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=3,
            num_key_value_heads=1,
            max_position_embeddings=1024,
            initializer_range=0.1,
            tie_word_embeddings=False,
            pad_token_id=1,
            bos_token_id=2,
            eos_token_id=2,
        )
    )


def _teach(model: LlamaForCausalLM, tokenizer: Any, task: Task) -> None:
    """The names of all splits, by heart: pages need a task that the model can do, not a proof.

    Each name's gender is put into its embedding; a few steps learn to read it.
    """
    table = model.model.embed_tokens.weight.data
    for example in (example for split in task.splits for example in split.examples):
        name = example.content[0].removeprefix("name:")
        side = 1.0 if example.answers[0] == " he" else -1.0
        table[tokenizer.convert_tokens_to_ids(f" {name}"), 0] = side
    rows = [item for split in task.splits for item in split.encoded]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(4):
        for length in sorted({len(row.prompt) for row in rows}):
            own = [row for row in rows if len(row.prompt) == length]
            logits = model(torch.tensor([row.prompt for row in own])).logits[:, -1]
            right = torch.tensor([row.answers[0][0] for row in own])
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, right).backward()
            optimizer.step()
    model.eval()
