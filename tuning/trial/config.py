"""What a trial depends on beside its data."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from distune._kinds import KEPT
from distune.corpora.augment import AugmentConfig
from distune.corpora.tokens import TokensConfig, WordsConfig
from distune.losses.config import LossConfig
from distune.models.compression.config import CompressionConfig, NoCompressionConfig
from distune.models.students.config import StudentConfig
from distune.models.vectors.config import VectorsConfig, Word2VecConfig


class TrialConfig(BaseModel, frozen=True, extra="forbid"):
    """Everything that one trial depends on beside its data."""

    tokens: TokensConfig = WordsConfig()
    """What a text is cut into."""
    vectors: VectorsConfig = Word2VecConfig()
    """What the word vectors start from."""
    student: StudentConfig
    """The network that is trained."""
    loss: LossConfig = LossConfig()
    """What it is trained by."""
    augment: AugmentConfig = AugmentConfig()
    """Further texts for the transfer set."""
    compression: CompressionConfig = NoCompressionConfig()
    """What makes it smaller after its last epoch."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """The highest learning rate (AdamW); it falls to zero in the last step."""
    batch_size: int = Field(default=64, ge=1)
    """Texts in each step."""
    epochs: int = Field(default=6, ge=1)
    """Each has as many steps as one pass over train and transfer texts; the best on dev is kept."""
    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    """The part of the steps in which the learning rate climbs."""
    weight_decay: float = Field(default=0.0, ge=0)
    """AdamW's, on all weights."""
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    """Answer with an exponential mean of the weights over the steps, of this decay, such as 0.99; 0 for the last step's."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """The seed of the first weights, the order of the texts and dropout; finalists count on from it."""

    @classmethod
    def kept(cls, raw: dict[str, Any]) -> TrialConfig:
        """One that a search has written. A kind that is plugged in nowhere here is read as it was written; it cannot be built."""
        return cls.model_validate(raw, context=KEPT)

    def architecture(self) -> str:
        """What the speed depends on: two trials alike in this are equally fast, whatever they have learnt."""
        parts = (self.tokens, self.vectors, self.student, self.compression)
        return "\n".join(part.model_dump_json(exclude={"dropout", "epochs"}) for part in parts)

    def plain(self) -> TrialConfig:
        """The same student learning from labels alone."""
        return self.model_copy(update={"loss": self.loss.plain(), "augment": AugmentConfig()})
