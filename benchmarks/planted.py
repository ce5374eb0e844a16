"""Small models whose circuit is known because they were trained that way.

Two branches share an embedding and an unembedding: half of the heads and MLP channels each. On a
branch's own task every node of the other branch is switched off at random, so that the task cannot
rely on any of them; with its own branch off, the model has to say nothing. That a branch's node may
be used does not make it needed: some of a branch stay idle, which bounds what a method can score.

Task `max` writes the larger of two numbers, task `min` the smaller; both prompts look alike but for
one word.
"""

import itertools
import random

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from tapeout.circuits import Universe
from tapeout.interventions import restrict
from tapeout.models import Model, Tokens
from tapeout.tasks import ABOVE_FOIL, LOGIT_DIFFERENCE, Example, Split, Task

NUMBERS = 12
WORDS = ["max", "min", "so", *(str(n) for n in range(NUMBERS))]
SPEC = "attn.z:head, mlp.post_act:channel"


def tokenizer():
    vocabulary = {word: place for place, word in enumerate(["?", *WORDS])}
    words = Tokenizer(WordLevel(vocabulary, unk_token="?"))
    words.pre_tokenizer = WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="?")


def config(family: str):
    if family == "gpt2":
        sizes = {"n_embd": 64, "n_head": 4, "n_inner": 16, "n_layer": 2, "n_positions": 8}
        dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        ends = {"bos_token_id": None, "eos_token_id": None}
        return transformers.GPT2Config(vocab_size=len(WORDS) + 1, **sizes, **dropout, **ends)
    return transformers.LlamaConfig(
        vocab_size=len(WORDS) + 1,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=16,
        max_position_embeddings=8,
        bos_token_id=None,
        eos_token_id=None,
    )


def answer(kind: str, a: int, b: int) -> int:
    return max(a, b) if kind == "max" else min(a, b)


def branch(model: Model, kind: str) -> torch.Tensor:
    """The nodes that were trained for a task: the first half of every group, or the second."""
    universe = Universe.of(model.shape, SPEC)
    own = torch.zeros(universe.size, dtype=torch.bool)
    for group in universe.groups:
        half = group.count // 2
        start = group.start + (0 if kind == "max" else half)
        own[start : start + half] = True
    return own


def planted(family: str, seed: int, steps: int = 2500) -> tuple[Model, float]:
    """A trained model, and the share of all prompts that it answers right."""
    torch.manual_seed(seed)
    hf = transformers.AutoModelForCausalLM.from_config(config(family))
    model = Model(hf, tokenizer(), name=f"planted-{family}-{seed}")
    universe = Universe.of(model.shape, SPEC)
    optimizer = torch.optim.AdamW(hf.parameters(), lr=3e-3, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    rng = random.Random(seed)
    for step in range(steps):
        kind = ("max", "min")[step % 2]
        pairs = [(rng.randrange(NUMBERS), rng.randrange(NUMBERS)) for _ in range(64)]
        ids, targets = encoded(model, kind, pairs)
        own, others = branch(model, kind), torch.rand(universe.size) < rng.random()
        with restrict(model, universe.expand(own | others)):
            logits = model.logits(Tokens(ids), keep=1)[:, 0]
        with restrict(model, universe.expand(~own & others)):
            idle = model.logits(Tokens(ids), keep=1)[:, 0].log_softmax(-1)
        loss = torch.nn.functional.cross_entropy(logits, targets) - idle.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    right = 0
    everything = list(itertools.product(range(NUMBERS), repeat=2))
    for kind in ("max", "min"):
        ids, targets = encoded(model, kind, everything)
        with torch.no_grad():
            right += int((model.logits(Tokens(ids), keep=1)[:, 0].argmax(-1) == targets).sum())
    return model, right / (2 * len(everything))


def encoded(model: Model, kind: str, pairs):
    texts = [f"so {kind} {a} {b}" for a, b in pairs]
    ids = torch.tensor(model.tokenizer(texts).input_ids)
    words = [str(answer(kind, a, b)) for a, b in pairs]
    return ids, torch.tensor(model.tokenizer.convert_tokens_to_ids(words))


def task_of(model: Model, kind: str) -> Task:
    """The task's prompts, each with a counterfactual that has another answer."""
    rng = random.Random(0)
    pairs = [pair for pair in itertools.product(range(NUMBERS), repeat=2) if pair[0] != pair[1]]
    rng.shuffle(pairs)
    examples = []
    for a, b in pairs:
        own = answer(kind, a, b)
        others = [pair for pair in pairs if answer(kind, *pair) not in (own, a + b - own)]
        c, d = rng.choice(others)
        examples.append(
            Example(
                prompt=f"so {kind} {a} {b}",
                answers=(f" {own}",),
                foils=(f" {answer(kind, c, d)}",),
                counterfactual=f"so {kind} {c} {d}",
            )
        )
    bounds = {"train": (0, 64), "validation": (64, 84), "test": (84, 116), "reference": (116, None)}
    splits = {
        name: Split(f"{kind}/{name}", examples[start:end], model.tokenizer)
        for name, (start, end) in bounds.items()
    }
    metrics = {metric.name: metric for metric in (LOGIT_DIFFERENCE, ABOVE_FOIL)}
    return Task(name=kind, metrics=metrics, **splits)
