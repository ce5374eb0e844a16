"""Changing one channel of the sparse model, and what that does to the dense one.

A change of one channel that a sublayer of the sparse model reads becomes, through the decoder, a
change of what the same sublayer of the dense model reads; the rest of its stream stays as it is.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ...errors import TaskError
from ...models import Model, Tap, Tokens, Watch, attached
from ...tasks import Batch, Split
from ._bridge import Bridges
from ._hybrid import paired

SITES = ("attn.act_in", "mlp.act_in")


@dataclass(frozen=True, order=True)
class Channel:
    """A channel that a sublayer of the sparse model reads.

    Attributes:
        place: the sublayer, counted as they run.
        index: of the channel.
    """

    place: int
    index: int

    @property
    def site(self) -> str:
        """Such as `1.attn.act_in`."""
        return f"{self.place // 2}.{SITES[self.place % 2]}"

    @property
    def name(self) -> str:
        """Such as `1.attn.act_in.83`."""
        return f"{self.site}.{self.index}"

    @classmethod
    def named(cls, name: str) -> "Channel":
        """The channel of a name.

        Raises:
            TaskError: it names none.
        """
        found = re.fullmatch(r"(\d+)\.(attn|mlp)\.act_in\.(\d+)", name)
        if not found:
            raise TaskError(f"{name!r} names no channel: write one such as 1.attn.act_in.83")
        return cls(2 * int(found[1]) + (found[2] == "mlp"), int(found[3]))


@dataclass(frozen=True)
class Answers:
    """The dense model's probability of both answers, by prompt.

    Attributes:
        own: of the prompt's answer.
        other: of its counterfactual's.
    """

    own: Float[Tensor, " prompts"]
    other: Float[Tensor, " prompts"]

    @property
    def between(self) -> Float[Tensor, " prompts"]:
        """The other answer's part of both: which of the two the model would rather say."""
        return self.other / (self.own + self.other)


class Steering:
    """Interventions in one pair of models.

    Args:
        dense, sparse, bridges: as `train_bridges` gave them.

    Raises:
        ModelError: the bridges are not of these models.

    Source: weight-sparse transformers, appendix A.4. Bridges map streams before their norms, while
    channels are read behind them; but as a bridge maps them in units of their average size, so it
    does what norms give. The paper folds the norms' weights into projections; here they are
    divided out on the sparse side and multiplied in on the dense one.
    """

    def __init__(self, dense: Model, sparse: Model, bridges: Bridges) -> None:
        bridges.check(dense, sparse)
        paired(dense, sparse)
        self.dense, self.sparse, self.bridges = dense, sparse, bridges
        self.maps = [self._map(place) for place in range(len(bridges))]

    def differences(self, tokens: Tokens, others: Tokens) -> list[Float[Tensor, "rows pos width"]]:
        """By place, what the sparse model reads at every token of other prompts less of these."""
        seen = [self._read(some) for some in (tokens, others)]
        return [other - own for own, other in zip(*seen, strict=True)]

    def channels(self, place: int) -> list[Channel]:
        """All that a sublayer of the sparse model reads."""
        return [Channel(place, index) for index in range(len(self.maps[place]))]

    def change(
        self, channels: Sequence[Channel], differences: Float[Tensor, "rows pos channels"]
    ) -> Float[Tensor, "rows pos width"]:
        """What the dense model's sublayer is to read in addition, for channels of one place."""
        rows = self.maps[channels[0].place][[channel.index for channel in channels]]
        return differences.to(rows) @ rows

    def slopes(
        self, tokens: Tokens, ids: Int[Tensor, "rows two"]
    ) -> list[Float[Tensor, "rows pos width"]]:
        """By place, how the second token's logit less the first's rises with what is read there."""
        with torch.enable_grad(), self.dense.frozen(), ExitStack() as stack:
            leaves = [
                torch.zeros(*tokens.ids.shape, rows.shape[1], device=rows.device).requires_grad_()
                for rows in self.maps
            ]
            for place, leaf in enumerate(leaves):
                stack.enter_context(self.steered(place, leaf))
            own, other = self.dense.logits(tokens, keep=1)[:, -1].float().gather(1, ids).unbind(1)
            return list(torch.autograd.grad((other - own).sum(), leaves))

    @contextmanager
    def steered(self, place: int, change: Float[Tensor, "rows pos width"]) -> Iterator[None]:
        """Inside the block the dense model's sublayer reads that in addition."""

        def add(whole: Tensor) -> Tensor:
            beside = whole.shape[-1] - change.shape[-1]  # positions, where they are channels
            return whole + F.pad(change.to(whole.dtype), (0, beside))

        with attached([(self._tap(self.dense, place), add)]):
            yield

    def answers(
        self,
        split: Split,
        channels: Sequence[Channel],
        strengths: Sequence[float],
        *,
        size: int = 64,
    ) -> list[Answers]:
        """Both answers' probabilities at every strength, in the split's order.

        Args:
            split: prompts with counterfactuals, and answers of one token to both.
            channels: those that are steered together, of one place; none for the model on the
                counterfactual prompts.
            strengths: 0 changes nothing, 1 makes up the whole difference.
            size: prompts at once.

        Raises:
            TaskError: a prompt has no counterfactual, or not an answer of one token to both; or
                channels are of several places.
        """
        if len({channel.place for channel in channels}) > 1:
            raise TaskError("channels that are steered together must be of one place")
        rows: list[Tensor] = []
        found: list[list[Tensor]] = []
        for batch, ids in pairs_of(split, size):
            rows.append(batch.rows)
            found.append(self._batch(batch, ids.to(self.dense.device), channels, strengths))
        order = torch.cat(rows).argsort()
        whole = torch.cat([torch.stack(part) for part in found], dim=1)[:, order]
        return [Answers(own=some[:, 0], other=some[:, 1]) for some in whole]

    @torch.no_grad()
    def _batch(
        self, batch: Batch, ids: Tensor, channels: Sequence[Channel], strengths: Sequence[float]
    ) -> list[Tensor]:
        """By strength, the probabilities of both answers; each of shape [rows, 2]."""
        tokens, others = batch.tokens, batch.partners
        assert others is not None
        with self.dense.frozen(), self.sparse.frozen():
            if not channels:
                return [_probabilities(self.dense, others, ids)] * len(strengths)
            place, own = channels[0].place, [channel.index for channel in channels]
            change = self.change(channels, self.differences(tokens, others)[place][..., own])
            found: list[Tensor] = []
            for strength in strengths:
                with self.steered(place, strength * change):
                    found.append(_probabilities(self.dense, tokens, ids))
        return found

    def _read(self, tokens: Tokens) -> list[Tensor]:
        """What the sparse model's sublayers read; channels of positions are left out."""
        seen: list[Tensor] = []

        def see(width: int, whole: Tensor) -> None:
            seen.append(whole[..., :width])

        watches: list[tuple[Tap, Watch]] = [
            (self._tap(self.sparse, place), partial(see, len(rows)))
            for place, rows in enumerate(self.maps)
        ]
        with torch.no_grad(), attached(watches):
            self.sparse.logits(tokens, keep=1)
        return seen

    def _map(self, place: int) -> Float[Tensor, "sparse dense"]:
        """By channel of the sparse model, what one unit of it is where the dense model reads."""
        decoder = self.bridges[place].decoder.weight.detach().to(self.dense.device)
        ours = _scale(_norm(self.sparse, place), decoder[0])
        theirs = _scale(_norm(self.dense, place), decoder[:, 0])
        return decoder.T / ours[:, None] * theirs

    @staticmethod
    def _tap(model: Model, place: int) -> Tap:
        return model.tap(place // 2, SITES[place % 2])


def _norm(model: Model, place: int) -> nn.Module | None:
    """What a sublayer's input goes through; some families have nothing there."""
    family = model.anatomy.family
    path = (family.attn, family.mlp)[place % 2].norm
    return model.hf.get_submodule(f"{family.layers}.{place // 2}.{path}") if path else None


@torch.no_grad()
def _scale(norm: nn.Module | None, like: Float[Tensor, " width"]) -> Float[Tensor, " width"]:
    """A norm's own weights, which are seen on a vector whose channels are all as large."""
    sign = torch.ones_like(like)
    if norm is None:
        return sign
    sign[1::2] = -1  # so that a norm which takes the mean away leaves it as it is
    there, back = (norm(1e3 * some[None, None])[0, 0] for some in (sign, -sign))
    return (there - back).to(like.dtype) * sign / 2


def _probabilities(
    model: Model, tokens: Tokens, ids: Int[Tensor, "rows two"]
) -> Float[Tensor, "rows two"]:
    return model.logits(tokens, keep=1)[:, -1].float().softmax(dim=-1).gather(1, ids).cpu()


def pairs_of(split: Split, size: int) -> Iterator[tuple[Batch, Int[Tensor, "rows two"]]]:
    """Batches with partners, and the tokens of both answers of every prompt.

    Raises:
        TaskError: a prompt has no counterfactual, or not an answer of one token to both.
    """
    for batch in split.batches(size, partner="counterfactual"):
        others = [split.encoded[row].counterfactual_answer for row in batch.rows.tolist()]
        if batch.answer_length > 1 or not all(others):
            raise TaskError(
                f"steering goes from one answer to another, so {split.name} needs answers of one "
                "token, also to every counterfactual: use a task such as single_double_quote"
            )
        yield batch, torch.stack([batch.answers[:, 0], torch.tensor(others)[:, 0]], dim=1)
