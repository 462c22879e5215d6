"""Pairs of texts as one row of token ids, and the states of both texts as the features of the pair."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distune.models.students.config import PairKind

Side = tuple[Tensor, Tensor]
"""One text of each pair: token ids `[batch, length]`, 0 beyond its end, and a score for each."""
SEPARATOR_ID = 2
"""The id of the token between the two texts, in every vocabulary of pairs."""
N_STATES: dict[PairKind, int] = {"joined": 1, "siamese": 4, "symmetric": 3}
"""How many times as wide as a state the features of a pair are."""


class Joined(nn.Module):
    """The text as it is: of a pair, both texts with the separator between them."""

    def texts(self, token_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The token ids that are read together, and their lengths."""
        return token_ids, lengths

    def features(self, states: Tensor) -> Tensor:
        return states

    def sides(self, token_ids: Tensor, scores: Tensor, lengths: Tensor) -> tuple[Side, Side]:
        """Both texts of each pair, as `texts` gives them, with a score for each token; padding has the id 0."""
        places = torch.arange(token_ids.shape[1], device=token_ids.device).unsqueeze(0)
        ends = (token_ids == SEPARATOR_ID).long().argmax(dim=1, keepdim=True)
        is_second = (places > ends) & (places < lengths.unsqueeze(1))
        return (torch.where(places < ends, token_ids, 0), scores), (torch.where(is_second, token_ids, 0), scores)


class Siamese(nn.Module):
    """Each text by itself: u, v, |u - v| and u * v (Tang et al. 2019, section 3.1). Symmetric: u + v, |u - v| and u * v."""

    def __init__(self, is_symmetric: bool) -> None:
        super().__init__()
        self.is_symmetric = is_symmetric

    def texts(self, token_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The token ids of all first texts and then of all second ones, and their lengths."""
        return split_pairs(token_ids, lengths)

    def features(self, states: Tensor) -> Tensor:
        """The features `[batch, features]` of pairs by states `[2 * batch, output_size of the body]`."""
        first, second = states.view(2, -1, states.shape[1]).unbind(0)
        both = [first + second] if self.is_symmetric else [first, second]
        return torch.cat([*both, (first - second).abs(), first * second], dim=1)

    def sides(self, token_ids: Tensor, scores: Tensor, lengths: Tensor) -> tuple[Side, Side]:
        """Both texts of each pair, as `texts` gives them, with a score for each token; padding has the id 0."""
        first, second = token_ids.view(2, -1, token_ids.shape[1]).unbind(0)
        of_first, of_second = scores.view(2, -1, scores.shape[1]).unbind(0)
        return (first, of_first), (second, of_second)


class Overlap(nn.Module):
    """How much of two texts is shared, each token weighed by the exponential of a score of its vector.

    The first three features are the share of both texts that the other text has too, and this share of each text. The
    fourth is the difference of their weights, as a part of the larger weight. The last is a tenth of the weight that is not
    shared, so that it is about as large as the others. If the order of the texts does not matter (`symmetric`), the smaller share comes first. Word
    overlap as features of a pair is from Wan et al. 2006, and weights of its words from Ji and Eisenstein 2013.
    """

    n_features = 5

    def __init__(self, n_inputs: int, is_symmetric: bool) -> None:
        super().__init__()
        self.score = nn.Linear(n_inputs, 1)
        self.is_symmetric = is_symmetric
        # At first all tokens weigh the same.
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def scores(self, embedded: Tensor) -> Tensor:
        """The score of each token `[texts, length]` by its vector `[texts, length, n_inputs]`."""
        return self.score(embedded).squeeze(2)  # type: ignore[no-any-return]

    def forward(self, first: Side, second: Side) -> Tensor:
        """The features `[batch, 5]` of two texts: their token ids and scores, `[batch, length]` each."""
        same = ((first[0].unsqueeze(2) == second[0].unsqueeze(1)) & (first[0] > 0).unsqueeze(2)).float()
        of_first, of_second = (scores.float().exp() * (ids > 0) for ids, scores in (first, second))
        both = torch.stack([of_first.sum(dim=1), of_second.sum(dim=1)])
        shared = torch.stack([(of_first * same.amax(dim=2)).sum(dim=1), (of_second * same.amax(dim=1)).sum(dim=1)])
        one, other = (shared / both).unbind(0)
        if self.is_symmetric:
            one, other = torch.minimum(one, other), torch.maximum(one, other)
        apart = (both[0] - both[1]).abs() / both.amax(dim=0)
        rest = (both - shared).sum(dim=0) / 10
        return torch.stack([shared.sum(dim=0) / both.sum(dim=0), one, other, apart, rest], dim=1)


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


def pair_reader(kind: PairKind) -> Joined | Siamese:
    return Joined() if kind == "joined" else Siamese(kind == "symmetric")
