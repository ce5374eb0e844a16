"""Which bits of a tensor two models differ in: what a delta file is made of."""

import zlib
from dataclasses import dataclass

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from ..errors import AmplifyError

WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Bytes of a number -> integers as wide, of which bits are flipped."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Flips:
    """The exclusive or of two tensors' bits, in the rows or columns where they differ.

    Flipping the bits of the first gives the second and the other way round, whatever the rounding.

    Attributes:
        shape: of the tensor.
        dtype: of its numbers, such as `float32`.
        dim: whether `index` counts rows (0) or columns (1).
        index: the lines that differ, ascending.
        packed: their bits: all lowest bytes, then all next ones, and so on, as zlib data. Small
            steps leave the high bytes almost empty, so they take next to no room.
    """

    shape: tuple[int, ...]
    dtype: str
    dim: int
    index: Int[Tensor, " lines"]
    packed: UInt8[Tensor, " bytes"]

    @classmethod
    def of(cls, bits: Tensor, like: Tensor) -> "Flips | None":
        """From the exclusive or itself, as a matrix; None if no bit is set.

        Args:
            bits: shape [rows, columns], of integers as wide as the tensor's numbers.
            like: a tensor of the shape and dtype that they are of.
        """
        there = bits != 0
        rows, columns = (there.any(dim=1 - dim).nonzero()[:, 0] for dim in (0, 1))
        if not len(rows):
            return None
        dim = int(len(columns) * len(bits) < len(rows) * bits.shape[1])
        index = columns if dim else rows
        lines = bits.index_select(dim, index).cpu().view(-1, 1).view(torch.uint8)
        packed = bytearray(zlib.compress(lines.T.contiguous().numpy().tobytes(), 6))
        return cls(
            shape=tuple(like.shape),
            dtype=str(like.dtype).removeprefix("torch."),
            dim=dim,
            index=index.int().cpu(),
            packed=torch.frombuffer(packed, dtype=torch.uint8),
        )

    @property
    def lines(self) -> Tensor:
        """The bits themselves, line by line.

        Raises:
            AmplifyError: they are damaged.
        """
        whole = WHOLE[getattr(torch, self.dtype).itemsize]
        rows, columns = matrix_shape(self.shape)
        shape = (rows, len(self.index)) if self.dim else (len(self.index), columns)
        try:
            data = bytearray(zlib.decompress(self.packed.numpy().tobytes()))
            planes = torch.frombuffer(data, dtype=torch.uint8).view(whole.itemsize, -1)
            lines = planes.T.flatten().view(whole).reshape(shape)
        except (zlib.error, ValueError, RuntimeError) as error:
            raise AmplifyError(f"the delta is damaged: {error}") from error
        there = (rows, columns)[self.dim]
        if not set(self.index.tolist()) <= set(range(there)):
            raise AmplifyError(f"the delta is damaged: a line beyond the {there} of its tensor")
        return lines

    def flip(self, tensor: Tensor) -> None:
        """Flip the bits of a tensor, in place."""
        bits, lines = bits_of(tensor), self.lines
        index = self.index.long().to(bits.device)
        new = bits.index_select(self.dim, index) ^ lines.to(bits.device)
        with torch.no_grad():
            tensor.copy_(bits.index_copy(self.dim, index, new).view(tensor.dtype).view(self.shape))

    def dense(self) -> Tensor:
        """All bits of the tensor: shape [rows, columns]."""
        lines = self.lines
        empty = torch.zeros(matrix_shape(self.shape), dtype=lines.dtype)
        return empty.index_copy_(self.dim, self.index.long(), lines)

    @property
    def size(self) -> int:
        """Numbers in the lines that differ."""
        rows, columns = matrix_shape(self.shape)
        return len(self.index) * (rows if self.dim else columns)

    @property
    def nbytes(self) -> int:
        return self.index.nbytes + self.packed.nbytes


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a stored tensor; a vector is a column."""
    rows = shape[0] if shape else 1
    columns = 1
    for width in shape[1:]:
        columns *= width
    return rows, columns


def bits_of(tensor: Tensor) -> Tensor:
    """The bits of a tensor's numbers, as a matrix of integers."""
    whole = WHOLE[tensor.element_size()]
    flat = tensor.detach().contiguous().view(-1).view(whole)
    return flat.view(matrix_shape(tuple(tensor.shape)))
