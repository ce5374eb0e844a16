"""Two circuits in one model, because it was trained that way.

Half of the heads and MLP channels of every layer are one branch, half the other; embedding,
unembedding and norms are shared. Task `max` writes the larger of two numbers, task `min` the
smaller; the prompts are alike but for one word. Every step trains, with the same prompts,

- the whole model to answer right;
- the same with any nodes of the other branch replaced: the task may not rely on them;
- the same with one node of the own branch replaced as well: then the right answer has to lose at
  least `MARGIN` nats, so that no node of the own branch may be idle.

Replaced means zero, the batch's mean, or the node's activation in another prompt, drawn row by row.
What a trained node really does is measured afterwards, see truth.py.
"""

import itertools
import random
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import transformers
from jaxtyping import Bool, Int
from torch import Tensor

from tapeout.circuits import Universe
from tapeout.models import Model, Tap, Tokens, attached
from tapeout.tasks import Example, Task

from .words import task_of, tokenizer

NUMBERS = 12
KINDS = ("max", "min")
WORDS = ["so", *KINDS, *(str(n) for n in range(NUMBERS))]
SPEC = "attn.z:head, mlp.post_act:channel"
SIZES = {"hidden": 32, "layers": 2, "heads": 4, "channels": 12, "positions": 8}
ROWS, MARGIN, PRESS, RATE = 48, 1.0, 1.5, 5e-3


def config(family: str) -> transformers.PretrainedConfig:
    sizes: dict[str, Any] = {
        "vocab_size": len(WORDS) + 1,
        "hidden_size": SIZES["hidden"],
        "num_hidden_layers": SIZES["layers"],
        "num_attention_heads": SIZES["heads"],
        "max_position_embeddings": SIZES["positions"],
        "bos_token_id": None,
        "eos_token_id": None,
    }
    if family == "gpt2":
        dropout: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return transformers.GPT2Config(n_inner=SIZES["channels"], **sizes, **dropout)
    heads: dict[str, Any] = {"num_key_value_heads": SIZES["heads"]}
    return transformers.LlamaConfig(intermediate_size=SIZES["channels"], **sizes, **heads)


def answer(kind: str, a: int, b: int) -> int:
    return max(a, b) if kind == "max" else min(a, b)


def branch(universe: Universe, kind: str) -> Bool[Tensor, " nodes"]:
    """The first half of every group of nodes, or the second."""
    own = torch.zeros(universe.size, dtype=torch.bool)
    for group in universe.groups:
        half = group.count // 2
        start = group.start + half * KINDS.index(kind)
        own[start : start + half] = True
    return own


@dataclass(frozen=True, eq=False)
class _Gates:
    """Gates of a batch whose first `ROWS` rows run whole; the others are replaced from them.

    Attributes:
        kept: (layer, site) -> which channels each of the other rows keeps, [rows, 1, width].
        modes: 0, 1 or 2 for each of these rows: zero, mean or other.
        others: the whole row that a row's replacements come from.
    """

    kept: dict[tuple[int, str], Tensor]
    modes: Int[Tensor, "rows 1 1"]
    others: Int[Tensor, " rows"]

    def mixed(self, where: tuple[int, str], tap: Tap, whole: Tensor) -> Tensor:
        """The first position stays: no replacement of Tapeout's touches it."""
        x = tap.select(whole)
        clean, rest = x[:ROWS], x[ROWS:]
        mean = clean[:, 1:].mean(dim=(0, 1)).expand_as(rest)
        fill = torch.where(self.modes == 1, mean, clean[self.others])
        new = torch.where(self.kept[where], rest, fill * (self.modes > 0))
        new = torch.cat([rest[:, :1], new[:, 1:]], dim=1)
        return tap.put(whole, torch.cat([clean, new]))


@dataclass(frozen=True, eq=False)
class _Prompts:
    """Every prompt and its right answer as tokens, by task and numbers."""

    ids: Int[Tensor, "kinds numbers numbers pos"]
    answers: Int[Tensor, "kinds numbers numbers"]

    @classmethod
    def of(cls, model: Model) -> "_Prompts":
        cases = list(itertools.product(KINDS, range(NUMBERS), range(NUMBERS)))
        ids = model.tokenizer([f"so {kind} {a} {b}" for kind, a, b in cases]).input_ids
        words = model.tokenizer.convert_tokens_to_ids([str(answer(*case)) for case in cases])
        shape = len(KINDS), NUMBERS, NUMBERS
        return cls(torch.tensor(ids).unflatten(0, shape), torch.tensor(words).reshape(shape))


def planted(family: str, seed: int, steps: int = 1500) -> Model:
    """A trained model."""
    torch.manual_seed(seed)
    hf = transformers.AutoModelForCausalLM.from_config(config(family))
    model = Model(hf, tokenizer(WORDS), name=f"branches-{family}-{seed}")
    universe = Universe.of(model.shape, SPEC)
    own = torch.stack([branch(universe, kind) for kind in KINDS])
    optimizer = torch.optim.AdamW(hf.parameters(), lr=RATE, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=RATE, total_steps=steps)
    prompts = _Prompts.of(model)
    for _ in range(steps):
        loss = _loss(model, universe, own, prompts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    hf.eval()
    return model


def _loss(model: Model, universe: Universe, own: Tensor, prompts: _Prompts) -> Tensor:
    kinds = torch.arange(ROWS) % 2
    which = kinds, *torch.randint(NUMBERS, (2, ROWS))
    ids, targets = prompts.ids[which], prompts.answers[which]
    kept = own[kinds] | (torch.rand(ROWS, universe.size) < torch.rand(ROWS, 1))
    gates = _gates(universe, torch.cat([kept, kept & ~_missing(universe, own[kinds])]))
    watches = []
    for where in gates.kept:
        tap = model.tap(*where)
        watches.append((tap, partial(gates.mixed, where, tap)))
    with attached(watches):
        logits = model.logits(Tokens(ids.repeat(3, 1)), keep=1)[:, 0]
    lost = torch.nn.functional.cross_entropy(logits, targets.repeat(3), reduction="none")
    right, missing = lost[: 2 * ROWS], lost[2 * ROWS :]
    return right.mean() + PRESS * (MARGIN - missing).clamp(min=0).mean()


def _missing(universe: Universe, own: Bool[Tensor, "rows nodes"]) -> Bool[Tensor, "rows nodes"]:
    """What a row lacks of its own branch: one head, or some channels.

    Attention alone can solve the tasks, and no single channel matters before several do.
    """
    heads = torch.zeros(universe.size, dtype=torch.bool)
    for group in universe.groups:
        heads[group.nodes] = group.granularity == "head"
    of_heads = torch.rand(len(own), 1) < 0.5
    one = torch.multinomial((own & (heads == of_heads)).float(), 1)
    some = torch.rand(own.shape) < torch.rand(len(own), 1).square()
    return (own & some & ~heads & ~of_heads).scatter(1, one, True)


def _gates(universe: Universe, kept: Bool[Tensor, "rows nodes"]) -> _Gates:
    by_place = {}
    for group in universe.groups:
        wide = kept[:, group.nodes].repeat_interleave(group.unit, dim=1)
        by_place[group.layer, group.site] = wide[:, None]
    shift = 2 * torch.randint(1, ROWS // 2, (len(kept),))  # even: of the same task
    others = (torch.arange(len(kept)) + shift) % ROWS
    return _Gates(by_place, torch.randint(3, (len(kept), 1, 1)), others)


def branch_task(kind: str) -> Task:
    """All pairs of different numbers, each with a counterfactual that has another answer."""
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
    return task_of(kind, examples, WORDS)
