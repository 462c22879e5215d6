"""A single-layer bidirectional LSTM over word vectors, mean-pooled (Tang et al. 2019 without its last-state pooling)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.students.embedding import Channels, WordEmbedding, classifier_head


class BiLSTMConfig(BaseModel, frozen=True, extra="forbid"):
    """The biLSTM student."""

    kind: Literal["bilstm"]
    hidden_size: int = Field(default=64, ge=1, le=4096)
    """Units of each direction."""
    hidden_layer: int = Field(default=0, ge=0, le=4096)
    """Units of a hidden layer before the logits; 0 for none."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    channels: Channels = "tuned"


class BiLSTM(nn.Module):
    def __init__(self, config: BiLSTMConfig, vectors: Tensor, n_classes: int) -> None:
        super().__init__()
        self.embedding = WordEmbedding(vectors, config.channels)
        self.dropout = nn.Dropout(config.dropout)
        self.lstm = nn.LSTM(self.embedding.output_size, config.hidden_size, batch_first=True, bidirectional=True)
        self.head = classifier_head(2 * config.hidden_size, config.hidden_layer, config.dropout, n_classes)

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """Logits `[batch, classes]` of `[batch, length]` token ids, of which the first `lengths` `[batch]` count."""
        vectors = self.dropout(self.embedding(token_ids))
        # ONNX's LSTM takes lengths in any order; asked for here, sorting would cost 20 nodes of the exported graph.
        exporting = torch.onnx.is_in_onnx_export()
        packed = pack_padded_sequence(vectors, lengths.cpu(), batch_first=True, enforce_sorted=exporting)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=token_ids.shape[1])
        # States beyond a text's end are zero, so their sum over all positions is the sum over the text.
        logits: Tensor = self.head(states.sum(dim=1) / lengths.unsqueeze(1))
        return logits
