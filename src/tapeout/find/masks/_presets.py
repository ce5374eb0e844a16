"""Published mask learners as settings of the one loop, and the universes that they are for.

Numbers are the papers'; where a paper leaves one out, ours, and the comment says so.
"""

from dataclasses import dataclass

from ...gates import HardConcrete, Heaviside, Linear
from ._config import MaskConfig
from ._sizes import Penalty, Target

EDGES = "edges"
"""The universe of every edge, for presets and recipes."""

WEIGHT_SPARSE_SITES = "attn.act_in,attn.q:channel,attn.k:channel,attn.v:channel,attn.resid_delta"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A published method.

    Attributes:
        about: one line.
        universe: the nodes that its paper masks.
        config: its settings.
    """

    about: str
    universe: str
    config: MaskConfig


PRESETS: dict[str, Preset] = {
    "node-pruning": Preset(
        about="multi-granular node pruning (paper 5): blocks, heads, channels in one run",
        universe=(
            "attn.resid_delta:block,attn.z:head,attn.z:channel,"
            "mlp.resid_delta:block,mlp.post_act:channel,mlp.resid_delta:channel"
        ),
        config=MaskConfig(
            gate=HardConcrete(),
            replacement="counterfactual",
            objective="kl",
            # The published coefficients are of sums over GPT-2's groups and differ by task. These
            # and the rate (the paper's is 5e-3, for thousands of steps) are of trials with SmolLM2.
            # As in the paper, coarse nodes weigh less: at one weight nearly all blocks closed.
            size=Penalty(
                weight=1.0,
                weights={
                    "attn.z:head": 5.0,
                    "attn.z:channel": 5.0,
                    "mlp.post_act:channel": 10.0,
                    "mlp.resid_delta:channel": 3.0,
                },
                ramp=40,
            ),
            steps=160,
            batch_size=16,
            learning_rate=0.3,
            weight_decay=0.01,
        ),
    ),
    "heaviside-pruning": Preset(
        about="pruning of weight-sparse transformers (paper 3, A.5), at its eight node sites",
        universe=f"{WEIGHT_SPARSE_SITES},mlp.act_in,mlp.post_act,mlp.resid_delta",
        config=MaskConfig(
            gate=Heaviside(),
            replacement="mean",
            objective="task",
            size=Penalty(weight=1.0),
            steps=1000,
            batch_size=64,
            learning_rate=3e-3,
            weight_decay=1e-3,
            decay=True,
        ),
    ),
    "edge-pruning": Preset(
        about="Edge Pruning (Bhaskar et al. 2024): hard concrete gates on edges, a target share",
        universe=EDGES,
        config=MaskConfig(
            gate=HardConcrete(first=(4.0, 4.02)),
            replacement="counterfactual",
            objective="kl",
            size=Target(share=0.05, ramp=100, rate=0.8),
            steps=150,
            batch_size=16,
            learning_rate=0.8,
            warm_up=10,
        ),
    ),
    "dcm": Preset(
        about="desiderata-based component masking (paper 2, 3.1.2): nodes to amplify",
        universe="attn.q:head,attn.k:head,attn.v:head,mlp.post_act:channel",
        config=MaskConfig(
            gate=Linear(),
            replacement="scale",
            factor=2.0,
            objective="logit_difference",
            size=Penalty(weight=1.0),
            steps=1000,
            batch_size=8,
            learning_rate=5e-3,
        ),
    ),
    "l0-donor": Preset(
        about="hard concrete gates on MLP channels with donor patching (paper 1, experiment 9)",
        universe="mlp.post_act:channel",
        config=MaskConfig(
            gate=HardConcrete(),
            replacement="counterfactual",
            objective="task",
            size=Penalty(weight=1.0, ramp=200),
            steps=1000,
            batch_size=32,
            learning_rate=0.05,
        ),
    ),
}
"""Published masks by name."""
