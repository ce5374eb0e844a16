"""Names of the places where a vector flows, and of the sizes of unit that a site divides into."""

Site = str
"""A named place in a layer where a vector flows, such as `mlp.post_act`."""

Granularity = str
"""`block`, `head` or `channel`."""

SITES: tuple[Site, ...] = (
    "embed",
    "attn.act_in",
    "attn.q",
    "attn.k",
    "attn.v",
    "attn.z",
    "attn.resid_delta",
    "mlp.act_in",
    "mlp.post_act",
    "mlp.resid_delta",
)
"""A site is a named place in one layer (vocabulary of the weight-sparse paper's code).

``embed`` is the start of the residual stream and exists in layer 0 only.
"""

HEAD_SITES: tuple[Site, ...] = ("attn.q", "attn.k", "attn.v", "attn.z")
"""Sites whose channels are grouped by heads."""

GRANULARITIES: tuple[Granularity, ...] = ("block", "head", "channel")
"""From coarse to fine."""
