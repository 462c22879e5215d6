"""Pairs of texts as one row of token ids, and the states of both texts as the features of the pair."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from distune.models.students.config import PairKind

SEPARATOR_ID = 2
"""The id of the token between the two texts, in every vocabulary of pairs."""
N_STATES: dict[PairKind, int] = {"joined": 1, "siamese": 4, "symmetric": 3}
"""How many times as wide as a state the features of a pair are."""


class Joined(nn.Module):
    """The text as it is: of a pair, both texts with the separator between them."""

    def forward(self, read: Callable[[Tensor, Tensor], Tensor], token_ids: Tensor, lengths: Tensor) -> Tensor:
        return read(token_ids, lengths)


class Siamese(nn.Module):
    """Each text by itself: u, v, |u - v| and u * v (Tang et al. 2019, section 3.1). Symmetric: u + v, |u - v| and u * v."""

    def __init__(self, is_symmetric: bool) -> None:
        super().__init__()
        self.is_symmetric = is_symmetric

    def forward(self, read: Callable[[Tensor, Tensor], Tensor], token_ids: Tensor, lengths: Tensor) -> Tensor:
        """The features `[batch, features]` of pairs of which `read` gives the states of one text each."""
        return self.features(self.states(read, token_ids, lengths))

    def states(self, read: Callable[[Tensor, Tensor], Tensor], token_ids: Tensor, lengths: Tensor) -> Tensor:
        """The states `[2 * batch, output_size of the body]`, all first texts and then all second ones."""
        return read(*split_pairs(token_ids, lengths))

    def features(self, states: Tensor) -> Tensor:
        """The features `[batch, features]` of pairs by such states."""
        first, second = states.view(2, -1, states.shape[1]).unbind(0)
        both = [first + second] if self.is_symmetric else [first, second]
        return torch.cat([*both, (first - second).abs(), first * second], dim=1)


def split_pairs(token_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """All first texts and then all second ones, `[2 * batch, length]`, filled up with 0, and their lengths `[2 * batch]`,
    of pairs `[batch, length]` with a separator each."""
    places = torch.arange(token_ids.shape[1], device=token_ids.device).unsqueeze(0)
    ends = (token_ids == SEPARATOR_ID).long().argmax(dim=1, keepdim=True)
    first = torch.where(places < ends, token_ids, 0)
    n_second = lengths.unsqueeze(1) - ends - 1
    moved = token_ids.gather(1, (places + ends + 1).clamp(max=token_ids.shape[1] - 1))
    second = torch.where(places < n_second, moved, 0)
    return torch.cat([first, second]), torch.cat([ends, n_second]).squeeze(1)


def pair_reader(kind: PairKind) -> nn.Module:
    return Joined() if kind == "joined" else Siamese(kind == "symmetric")
