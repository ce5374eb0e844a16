"""Per-sample gradients of a batch, by the path that fits the module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..errors import DecomposeError, nearest
from ..models import Model, Tokens
from ._capture import Capture, NotStructuredError, agree
from ._divergence import Divergence, divergence_named
from ._general import explicit
from ._gradients import ExplicitGradients
from ._network import Network, Samples, rows_of
from ._references import draw_references
from ._structured import StructuredGradients

GradientPath = Literal["auto", "general", "structured"]
"""How gradients are taken: from captured factors (`structured`), sample by sample (`general`), or
by whichever fits (`auto`)."""


def gradients(
    model: nn.Module | Model,
    inputs: Tensor | Tokens,
    references: Tensor | int = 0,
    *,
    divergence: str = "mse",
    parameters: Sequence[str] = ("*",),
    samples: Samples | str = "row",
    path: GradientPath | str = "auto",
    rows_at_once: int = 16,
) -> ExplicitGradients | StructuredGradients:
    """The gradients of every sample's divergence from a reference output (paper 4, eq. 1).

    They are taken in float32 at least, in evaluation mode, with reference outputs held fixed.

    Args:
        model: any module that maps rows to rows, or a language model.
        inputs: shape [rows, ...]; token sequences are of one length.
        references: a seed to draw another sample of the batch for each by; or such samples'
            places, row by row, shape [samples]; or outputs, shape [samples, ...].
        divergence: `mse`, `public-code` or `kl`.
        parameters: names or globs of the parameters to differentiate by.
        samples: a sample is a row with all its outputs (`row`), a row's last position (`last`), or
            every position of every row (`token`; so many backwards of a row).
        path: `structured` for linear, embedding and norm layers, `general` for any module;
            `auto` is the first where the parameters allow it and a gradient agrees with autograd.
        rows_at_once: rows in one forward and backward: memory goes with it.

    Raises:
        DecomposeError: no such parameter, divergence or samples; or the structured path was asked
            for and does not fit.
    """
    rows = rows_of(inputs)
    taking = Taking(model, divergence, parameters, samples, path, rows_at_once)
    with taking.network.frozen():
        return taking.of(rows, _reference_outputs(taking, rows, references))


class Taking:
    """Taking gradients of one module, batch after batch.

    Attributes:
        network: the module; frozen by who uses this.
        names: of the parameters.
        path: `auto` until the first batch has decided it.
    """

    def __init__(
        self,
        model: nn.Module | Model,
        divergence: str,
        parameters: Sequence[str],
        samples: Samples | str,
        path: GradientPath | str,
        rows_at_once: int,
    ) -> None:
        if path not in get_args(GradientPath):
            raise DecomposeError(f"no path {path!r}: {nearest(path, get_args(GradientPath))}")
        self.network = Network(model, samples)
        self.divergence: Divergence = divergence_named(divergence)
        self.names = list(self.network.parameters(parameters))
        self.path = path
        self.rows_at_once = rows_at_once
        self._checked = False

    def outputs(self, inputs: Tensor) -> Float[Tensor, "rows each ..."]:
        """Outputs of every sample, without gradients."""
        with torch.no_grad():
            return torch.cat([self.network.outputs(p) for p in inputs.split(self.rows_at_once)])

    def of(
        self,
        inputs: Tensor,
        references: Float[Tensor, "rows each ..."],
        counted: Bool[Tensor, "rows positions"] | None = None,
    ) -> ExplicitGradients | StructuredGradients:
        """The gradients of a batch.

        Args:
            inputs: its rows.
            references: what each row's samples are compared with.
            counted: positions at which what layers do counts, all by default.

        Raises:
            DecomposeError: positions are left out and the structured path does not fit.
        """
        if self.path != "general":
            try:
                found = self._structured(inputs, references, counted)
            except NotStructuredError:
                if self.path == "structured":
                    raise
                self.path = "general"
            else:
                self.path = "structured"
                return found
        if counted is not None:
            raise DecomposeError(
                "positions can be left out of structured gradients alone: take path='structured' "
                "and parameters of linear, embedding and norm layers, or leave none out"
            )
        return explicit(
            self.network,
            inputs,
            references,
            self.divergence,
            self.names,
            rows_at_once=self.rows_at_once,
        )

    def _structured(
        self,
        inputs: Tensor,
        references: Float[Tensor, "rows each ..."],
        counted: Bool[Tensor, "rows positions"] | None,
    ) -> StructuredGradients:
        capture = Capture.of(self.network, self.names)
        parts = []
        for rows in torch.arange(len(inputs)).split(self.rows_at_once):
            batch = inputs[rows], references[rows], self.divergence
            if not self._checked:
                found = capture.gradients(*batch)
                agree(found, self.network, *batch)
                self._checked = True
                if counted is None:
                    parts.append(found)
                    continue
            parts.append(capture.gradients(*batch, None if counted is None else counted[rows]))
        return StructuredGradients.cat(parts)


def _reference_outputs(
    taking: Taking, rows: Tensor, references: Tensor | int
) -> Float[Tensor, "rows each ..."]:
    """What each row's samples are compared with."""
    if isinstance(references, Tensor) and references.is_floating_point():
        own = taking.outputs(rows[:1])
        count = len(rows) * own.shape[1]
        if references.numel() != count * own[0, 0].numel():
            raise DecomposeError(
                f"{count} samples need as many reference outputs of shape {list(own.shape[2:])}, "
                f"not a tensor of shape {list(references.shape)}"
            )
        return references.reshape(len(rows), *own.shape[1:])
    own = taking.outputs(rows)
    flat = own.flatten(0, 1)
    if isinstance(references, int):
        references = draw_references(len(flat), torch.Generator().manual_seed(references))
    if references.shape != flat.shape[:1]:
        raise DecomposeError(
            f"{len(flat)} samples need as many references, not {list(references.shape)}"
        )
    return flat[references.to(flat.device)].reshape(own.shape)
