"""The mean of the word vectors and a feed-forward layer (a deep averaging network, Iyyer et al. 2015): the fastest."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field
from torch import Tensor, nn

from models.students.embedding import Channels, WordEmbedding, classifier_head


class AverageConfig(BaseModel, frozen=True, extra="forbid"):
    """The averaged-word-vector student."""

    kind: Literal["average"]
    hidden_layer: int = Field(default=64, ge=0, le=4096)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    channels: Channels = "tuned"


class Average(nn.Module):
    def __init__(self, config: AverageConfig, vectors: Tensor, n_classes: int) -> None:
        super().__init__()
        self.embedding = WordEmbedding(vectors, config.channels)
        self.head = classifier_head(self.embedding.output_size, config.hidden_layer, config.dropout, n_classes)

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """Logits `[batch, classes]` of `[batch, length]` token ids, of which the first `lengths` `[batch]` count."""
        # The padding vector is zero and stays so, hence the sum over all positions is the sum over the text.
        logits: Tensor = self.head(self.embedding(token_ids).sum(dim=1) / lengths.unsqueeze(1))
        return logits
