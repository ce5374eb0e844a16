"""Variance, directions and similarity of activations that come in batches."""

import torch
from jaxtyping import Float
from torch import Tensor

ROUNDING = 1e-7
"""Of the mean's length: a spread below it is what float32 leaves of equal rows."""


class Moments:
    """Means and covariances of rows, of one part or of several that belong together.

    Holds the rows until there are as many as they are wide, then one matrix in float64; so memory
    does not grow with the number of rows, and few rows cost less.

    Args:
        widths: of each part.
    """

    def __init__(self, *widths: int) -> None:
        ends = torch.tensor(widths).cumsum(0).tolist()
        self.parts = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
        self.width: int = ends[-1]
        self.n = 0
        self._held: list[Tensor] = []
        self._sum: Tensor | None = None
        self._scatter: Tensor | None = None
        self._spectra: dict[int, Tensor] = {}

    def add(self, *rows: Float[Tensor, "rows _"]) -> None:
        """Take in more rows; one tensor for each part."""
        home = torch.device("cpu") if rows[0].device.type == "mps" else rows[0].device
        self._held.append(torch.cat([part.detach().to(home) for part in rows], dim=1))
        self.n += len(rows[0])
        self._spectra.clear()
        if sum(len(held) for held in self._held) > self.width:
            self._fold()

    def _fold(self) -> None:
        if not self._held:
            return
        block = torch.cat(self._held).double()
        self._held.clear()
        if self._sum is None or self._scatter is None:
            self._sum = block.new_zeros(self.width)
            self._scatter = block.new_zeros(self.width, self.width)
        self._sum += block.sum(dim=0)
        self._scatter.addmm_(block.T, block)

    def mean(self, part: int = 0) -> Float[Tensor, " width"]:
        """Of every channel."""
        if self._scatter is None:
            whole = torch.cat(self._held).double().mean(dim=0)
        else:
            self._fold()
            assert self._sum is not None
            whole = self._sum / self.n
        return whole[self.parts[part]]

    def covariance(self, part: int = 0, other: int | None = None) -> Float[Tensor, "width width2"]:
        """Of the channels of a part with its own, or with those of another; divided by n."""
        other = part if other is None else other
        if self._scatter is None:
            return self._centred(part).T @ self._centred(other) / self.n
        self._fold()
        block = self._scatter[self.parts[part], self.parts[other]] / self.n
        return block - self.mean(part)[:, None] * self.mean(other)[None]

    def _centred(self, part: int) -> Float[Tensor, "rows width"]:
        return torch.cat(self._held)[:, self.parts[part]].double() - self.mean(part)

    def _few(self, part: int) -> bool:
        """There are fewer rows than channels, and they are still here."""
        own = self.parts[part]
        return self._scatter is None and self.n < own.stop - own.start

    def _gram(self, part: int) -> Float[Tensor, "rows rows"]:
        centred = self._centred(part)
        return centred @ centred.T / self.n

    def spectrum(self, part: int = 0) -> Float[Tensor, " values"]:
        """Singular values of the centred rows over the root of n, rising; rounding counts as 0."""
        if part not in self._spectra:
            square = self._gram(part) if self._few(part) else self.covariance(part)
            values = torch.linalg.eigvalsh(square).clamp(min=0).sqrt()
            floor = ROUNDING * self.mean(part).norm()
            self._spectra[part] = torch.where(values > floor, values, 0.0)
        return self._spectra[part]

    def directions(self, k: int, part: int = 0) -> Float[Tensor, "width k"]:
        """The k orthonormal directions of most variance, most first.

        Of fewer rows than channels at most as many as there are rows.
        """
        if not self._few(part):
            return torch.linalg.eigh(self.covariance(part))[1].flip(1)[:, :k]
        centred = self._centred(part)
        along = centred.T @ torch.linalg.eigh(self._gram(part))[1].flip(1)[:, :k]
        return torch.linalg.qr(along)[0]

    def cka(self) -> float | None:
        """Linear CKA of the first two parts; None where one of them does not vary."""
        if self._few(0) and self._few(1):
            one, two = self._gram(0), self._gram(1)
            shared = (one * two).sum()
        else:
            one, two = self.covariance(0), self.covariance(1)
            shared = self.covariance(0, 1).square().sum()
        if not bool(self.spectrum(0).any()) or not bool(self.spectrum(1).any()):
            return None
        return float(shared / (one.norm() * two.norm()))
