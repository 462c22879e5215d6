"""The settings of a trial."""

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
    """All settings of one trial."""

    tokens: TokensConfig = WordsConfig()
    """The tokens that a text is cut into."""
    vectors: VectorsConfig = Word2VecConfig()
    """The word vectors at the start of the training."""
    student: StudentConfig
    """The network that is trained."""
    loss: LossConfig = LossConfig()
    """The loss of the training."""
    augment: AugmentConfig = AugmentConfig()
    """Variations of the texts, for the transfer set."""
    compression: CompressionConfig = NoCompressionConfig()
    """The compression of the student after its last epoch."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """The highest learning rate (AdamW); it falls to zero in the last step."""
    batch_size: int = Field(default=64, ge=1)
    """The number of texts in each step."""
    epochs: int = Field(default=6, ge=1)
    """The number of epochs. Each has as many steps as one pass over train and transfer texts. The epoch that is best
    on dev is kept."""
    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    """The part of the steps in which the learning rate rises."""
    weight_decay: float = Field(default=0.0, ge=0)
    """The weight decay of AdamW, on all weights."""
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    """The decay of an exponential mean of the weights over the steps, such as 0.99; the student answers with this
    mean. With 0 it answers with the weights of the last step."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """The seed of the first weights, the order of the texts and dropout. Each further seed of a finalist adds 1 to
    it."""

    @classmethod
    def kept(cls, raw: dict[str, Any]) -> TrialConfig:
        """One that a search has written. A kind that is plugged in nowhere here is read as it was written; it cannot be built."""
        return cls.model_validate(raw, context=KEPT)

    def architecture(self) -> str:
        """The settings that decide the speed: two trials with the same ones are equally fast, whatever they have
        learnt."""
        parts = (self.tokens, self.vectors, self.student, self.compression)
        return "\n".join(part.model_dump_json(exclude={"dropout", "epochs"}) for part in parts)

    def plain(self) -> TrialConfig:
        """The same student learning from labels alone."""
        return self.model_copy(update={"loss": self.loss.plain(), "augment": AugmentConfig()})
