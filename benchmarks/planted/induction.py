"""An induction circuit whose every weight is set by hand, among loud distractors.

The prompt is `so`, six different letters, and one of the first five again; the answer is the letter
that came after it. A GPT-2 of two layers does it like this, every arrow being a subspace of the
residual stream that nothing else writes:

    letter --previous-token heads--> before' --MLP 0--> before --keys of induction heads
    letter --queries and values of induction heads--> copy --MLP 1--> answer --> logits

Each MLP needs one channel a letter; the two previous-token heads share the letters between them,
and so do the two induction heads, so that none can stand in for another. All other heads and
channels write four times as loud, read what the circuit reads and what it writes, and are read by
each other, but only into `junk`, which the logits do not see, and into `common`, which raises all
logits alike. A constant in the embedding keeps the norms' scale, through which everything touches
everything, within about a percent.

Seeds differ in the rotation of the stream, the places of heads and channels, how letters are shared
out, and all that the distractors do.
"""

import itertools
import math
import random
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from jaxtyping import Bool, Float
from torch import Tensor

from tapeout.circuits import EdgeUniverse, Universe
from tapeout.models import Model
from tapeout.tasks import Example, Task

from .words import task_of, tokenizer

LETTERS = list("abcdefgh")
WORDS = ["so", *LETTERS]
PAIRS = list(itertools.permutations(LETTERS, 2))
CONTEXT = 6
PLACES = CONTEXT + 2
SPEC = "attn.z:head, mlp.post_act:channel"

HEADS, HEAD_DIM, CHANNELS = 6, 12, 24
WIDTH = HEADS * HEAD_DIM
N = len(LETTERS)
SPACES = ["letter", "place", "before'", "before", "copy", "answer", "junk1", "junk2"]
CONSTANT, LOUD = 150.0, 4.0
ATTENTION = 8.0
"""By how much the score of the position that a head looks for exceeds the others'."""


@dataclass(frozen=True)
class Basis:
    """Orthogonal subspaces of the stream, all orthogonal to the mean that LayerNorm takes away."""

    columns: Float[Tensor, "width places"]

    @classmethod
    def drawn(cls, generator: torch.Generator) -> "Basis":
        first = torch.ones(WIDTH, 1)
        rest = torch.randn(WIDTH, N * len(SPACES) + 2, generator=generator)
        return cls(torch.linalg.qr(torch.cat([first, rest], dim=1)).Q[:, 1:])

    def __getitem__(self, space: str) -> Float[Tensor, "width dims"]:
        if space in ("constant", "common"):
            return self.columns[:, [N * len(SPACES) + (space == "common")]]
        start = N * SPACES.index(space)
        return self.columns[:, start : start + N]

    def reading(self, space: str) -> Float[Tensor, "width dims"]:
        """What takes a subspace out of a normed stream, at the scale that it has in the stream."""
        return self[space] * CONSTANT / math.sqrt(WIDTH)


@dataclass(frozen=True)
class Planted:
    """A model with its task and its circuit.

    Attributes:
        nodes: which heads and channels the task needs.
        edges: which edges carry what differs between a prompt and its counterfactual.
        unseen: edges that the circuit needs but that carry positions, which a prompt and its
            counterfactual share: no patching can show them, so they count neither way.
    """

    model: Model
    task: Task
    nodes: Bool[Tensor, " nodes"]
    edges: Bool[Tensor, " edges"]
    unseen: Bool[Tensor, " edges"]


class _Builder:
    """Sets the weights, part by part."""

    def __init__(self, seed: int) -> None:
        self.draw = torch.Generator().manual_seed(seed)
        self.random = random.Random(seed)
        self.basis = Basis.drawn(self.draw)
        config = transformers.GPT2Config(
            vocab_size=len(WORDS) + 1,
            n_embd=WIDTH,
            n_head=HEADS,
            n_layer=2,
            n_inner=CHANNELS,
            n_positions=PLACES,
            activation_function="relu",
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=None,
        )
        self.hf: Any = transformers.GPT2LMHeadModel(config)
        with torch.no_grad():
            for name, weight in self.hf.named_parameters():
                weight.fill_(float(".ln_" in name and name.endswith("weight")))

    def embed(self) -> None:
        body, basis = self.hf.transformer, self.basis
        body.wte.weight += CONSTANT * basis["constant"].T
        body.wte.weight[2:] += basis["letter"].T
        body.wpe.weight += basis["place"].T
        loud = 1 + torch.rand(1, generator=self.draw)
        self.hf.lm_head.weight[2:] = 6 * basis.reading("answer").T
        self.hf.lm_head.weight += loud * basis.reading("common").T

    def head(self, layer: int, head: int, looks: tuple[Tensor, Tensor], moves: Tensor) -> None:
        """One head.

        Args:
            layer, head: which.
            looks: readings of the query's and the key's side, [width, dims] each; they match where
                both find the same.
            moves: from a normed stream to what is written, [width, width], of rank 12 at most.
        """
        attention = self.hf.transformer.h[layer].attn
        sharp = math.sqrt(ATTENTION * math.sqrt(HEAD_DIM))
        for part, reading in enumerate(looks):
            start = part * WIDTH + head * HEAD_DIM
            attention.c_attn.weight[:, start : start + reading.shape[1]] = sharp * reading
        u, s, v = torch.linalg.svd(moves)
        start = 2 * WIDTH + head * HEAD_DIM
        attention.c_attn.weight[:, start : start + HEAD_DIM] = u[:, :HEAD_DIM] * s[:HEAD_DIM]
        attention.c_proj.weight[head * HEAD_DIM : (head + 1) * HEAD_DIM] = v[:HEAD_DIM]

    def channel(self, layer: int, channel: int, reads: Tensor, bias: float, writes: Tensor) -> None:
        """One MLP channel: relu(reads . normed + bias) times writes."""
        mlp = self.hf.transformer.h[layer].mlp
        mlp.c_fc.weight[:, channel] = reads
        mlp.c_fc.bias[channel] = bias
        mlp.c_proj.weight[channel] = writes

    def shared_out(self) -> list[list[int]]:
        """The letters in two halves."""
        letters = self.random.sample(range(N), N)
        return [letters[: N // 2], letters[N // 2 :]]

    def moving(self, start: str, end: str, letters: list[int]) -> Tensor:
        return self.basis.reading(start)[:, letters] @ self.basis[end][:, letters].T

    def circuit_heads(self, layer: int, places: list[int]) -> None:
        basis = self.basis
        if layer == 0:
            back = basis.reading("place")
            looks, ways = (back[:, 1:], back[:, :-1]), ("letter", "before'")
        else:
            looks = basis.reading("letter"), basis.reading("before")
            ways = "letter", "copy"
        for place, letters in zip(places, self.shared_out(), strict=True):
            self.head(layer, place, looks, self.moving(*ways, letters))

    def circuit_channels(self, layer: int, places: list[int]) -> None:
        start, end = (("before'", "before"), ("copy", "answer"))[layer]
        for letter, place in enumerate(places):
            reads = 2 * self.basis.reading(start)[:, letter]
            self.channel(layer, place, reads, -1.0, self.basis[end][:, letter])

    def distracting_head(self, layer: int, head: int) -> None:
        """Looks at itself, the position before, the same letter, or nowhere; moves into junk."""
        basis, place = self.basis, self.basis.reading("place")
        nothing = torch.zeros(WIDTH, 1)
        itself, same = (place, place), (basis.reading("letter"), basis.reading("letter"))
        before, copied = (
            (place[:, 1:], place[:, :-1]),
            (basis.reading("letter"), basis.reading("junk1")),
        )
        looks = self.random.choice([itself, before, same, copied, (nothing, nothing)])
        start = self.random.choice(["letter", "junk1", "junk2"] if layer else ["letter"])
        turned = self._orthogonal() * LOUD / (1 if start == "letter" else 2 * LOUD)
        moves = basis.reading(start) @ turned @ basis[self._junk()].T
        self.head(layer, head, looks, moves + self._into_common(start))

    def distracting_channel(self, layer: int, channel: int) -> None:
        """Fires at every second position or so, and writes junk."""
        basis = self.basis
        starts = ["letter", "before'" if layer == 0 else "copy", "junk1", "junk2", "place"]
        start = self.random.choice(starts)
        reads = torch.randn(N, generator=self.draw)
        reads = basis.reading(start) @ reads * (0.2 if "junk" in start else 1.5)
        writes = basis[self._junk()] @ torch.randn(N, generator=self.draw)
        writes = LOUD * writes / writes.norm()
        if layer:
            writes = writes + LOUD * self.random.random() * basis["common"][:, 0]
        self.channel(layer, channel, reads, 0.0, writes)

    def _junk(self) -> str:
        return self.random.choice(["junk1", "junk2"])

    def _into_common(self, start: str) -> Tensor:
        weights = torch.randn(N, 1, generator=self.draw)
        return self.basis.reading(start) @ weights @ self.basis["common"].T

    def _orthogonal(self) -> Tensor:
        return torch.linalg.qr(torch.randn(N, N, generator=self.draw)).Q


def planted(seed: int) -> Planted:
    """The model of a seed."""
    build = _Builder(seed)
    heads = [build.random.sample(range(HEADS), 2) for _ in range(2)]
    channels = [build.random.sample(range(CHANNELS), N) for _ in range(2)]
    with torch.no_grad():
        build.embed()
        for layer in range(2):
            build.circuit_heads(layer, heads[layer])
            build.circuit_channels(layer, channels[layer])
            for head in set(range(HEADS)) - set(heads[layer]):
                build.distracting_head(layer, head)
            for channel in set(range(CHANNELS)) - set(channels[layer]):
                build.distracting_channel(layer, channel)
    model = Model(build.hf.eval(), tokenizer(WORDS), name=f"induction-gpt2-{seed}")
    universe = Universe.of(model.shape, SPEC)
    nodes = torch.zeros(universe.size, dtype=torch.bool)
    for layer in range(2):
        for head in heads[layer]:
            nodes[universe.node(f"{layer}.attn.z.head{head}")] = True
        for channel in channels[layer]:
            nodes[universe.node(f"{layer}.mlp.post_act.{channel}")] = True
    edges, unseen = _edges(EdgeUniverse(model.shape), heads)
    return Planted(model, induction_task(seed), nodes, edges, unseen)


def _edges(universe: EdgeUniverse, heads: list[list[int]]) -> tuple[Tensor, Tensor]:
    """The needed edges, and those that carry positions alone."""
    needed, unseen = ["m1->logits"], []
    for head in heads[0]:
        needed += [f"input->a0.h{head}<v>", f"a0.h{head}->m0"]
        unseen += [f"input->a0.h{head}<q>", f"input->a0.h{head}<k>"]
    for head in heads[1]:
        reads = [f"input->a1.h{head}<q>", f"m0->a1.h{head}<k>", f"input->a1.h{head}<v>"]
        needed += [*reads, f"a1.h{head}->m1"]
    masks = torch.zeros(2, universe.size, dtype=torch.bool)
    for mask, names in zip(masks, (needed, unseen), strict=True):
        mask[[universe.edge(name) for name in names]] = True
    return masks[0], masks[1]


def induction_task(seed: int, rounds: int = 4) -> Task:
    """Prompts with a counterfactual each: another prompt, with another answer.

    Every pair of letters is asked for once a round, so that every channel has its share of them.
    """
    rng = random.Random(seed)
    prompts: dict[str, str] = {}
    for _ in range(rounds):
        for asked, answer in rng.sample(PAIRS, len(PAIRS)):
            others = rng.sample([c for c in LETTERS if c not in (asked, answer)], CONTEXT - 2)
            place = rng.randrange(CONTEXT - 1)
            letters = [*others[:place], asked, answer, *others[place:]]
            prompts[" ".join(["so", *letters, asked])] = answer
    examples = []
    for prompt, answer in prompts.items():
        partner = rng.choice([other for other, wrong in prompts.items() if wrong != answer])
        examples.append(
            Example(
                prompt=prompt,
                answers=(f" {answer}",),
                foils=(f" {prompts[partner]}",),
                counterfactual=partner,
            )
        )
    return task_of("induction", examples, WORDS)
