"""A table of vectors, one for each token."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class Table(nn.Embedding):
    """Word vectors; in training they may be read through `reader`, `[batch, length]` to `[batch, length, dimension]`."""

    reader: Callable[[Tensor], Tensor] | None = None

    def forward(self, token_ids: Tensor) -> Tensor:
        return super().forward(token_ids) if self.reader is None else self.reader(token_ids)
