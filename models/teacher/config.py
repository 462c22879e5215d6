"""What a study says of its teacher."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

HiddenState = Literal["pooled"] | Annotated[int, Field(ge=0)]


def _spelt(label: Any) -> Any:
    """YAML reads the label 1 as a number."""
    return str(label) if isinstance(label, int) and not isinstance(label, bool) else label


Label = Annotated[str, BeforeValidator(_spelt)]


class FromScratchConfig(BaseModel, frozen=True, extra="forbid"):
    """A BERT over characters whose weights start at random, for where there is no model hub."""

    layers: int = Field(default=4, ge=1)
    """Encoder layers."""
    hidden_size: int = Field(default=256, ge=8)
    """Features of each state; a multiple of `heads`. The feed-forward parts have four times as many."""
    heads: int = Field(default=4, ge=1)
    """Attention heads of each layer."""
    min_count: int = Field(default=3, ge=1)
    """How often a character must occur to be in the vocabulary."""

    @model_validator(mode="after")
    def _heads_divide_hidden_size(self) -> FromScratchConfig:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size must be a multiple of heads, but got {self.hidden_size} and {self.heads}")
        return self


class PretrainConfig(BaseModel, frozen=True, extra="forbid"):
    """Masked-language modelling before the fine-tuning, over all texts that the teacher may read: train and transfer texts
    and those of `teacher_data`, never one of dev or test."""

    epochs: int = Field(default=1, ge=1)
    """Passes over these texts."""
    mask_probability: float = Field(default=0.15, gt=0, lt=1)
    """The part of the tokens that is asked for."""
    learning_rate: float | None = Field(default=None, gt=0)
    """The highest of the pretraining; by default 5e-4 from scratch and 5e-5 from a checkpoint."""


class StudentsConfig(BaseModel, frozen=True, extra="forbid"):
    """Students that learn from the labels alone and answer together as a teacher: the log of the mean of their probabilities."""

    trials: int = Field(default=16, ge=1)
    """How many are drawn at random from the space and trained."""
    members: int = Field(default=8, ge=1)
    """So many of them answer, those that are best on dev; at most `trials`."""
    trial: dict[str, Any] | None = None
    """A space of their own to be drawn from, in the shape of the study's `trial`, which it is by default; what it says of
    teachers, augmentation and compression does not count."""

    @model_validator(mode="after")
    def _members_are_among_the_trials(self) -> StudentsConfig:
        if self.members > self.trials:
            raise ValueError(f"members must be <= trials, but got members={self.members}, trials={self.trials}")
        return self


STUDENTS_MAY_SAY = {"students", "seed", "logits_dtype", "weight", "temperature"}


class TeacherConfig(BaseModel, frozen=True, extra="forbid"):
    """Where the teacher comes from (one of `checkpoint`, `from_scratch`, `logits` and `students`) and how it is trained."""

    checkpoint: str | None = Field(default=None, json_schema_extra={"travels": True})
    """A hub id or a local folder; with the package peft, also the folder of a LoRA adapter."""
    revision: str | None = None
    """The branch, tag or commit of a checkpoint of the hub; by default its main branch. The commit that it stands for is what the
    teacher is known by."""
    labels: tuple[Label, ...] | None = Field(default=None, min_length=2)
    """Which label each column of the checkpoint or of the logits is, in the order of the columns; by default they are matched by
    their names, and without names taken in the order of the corpus' labels."""
    from_scratch: FromScratchConfig | None = None
    """A BERT of this shape, trained from nothing; it needs `epochs`."""
    logits: str | None = Field(default=None, json_schema_extra={"travels": True})
    """A file, by its path or URI, of text (or its hash) and logits or probabilities, from any model anywhere."""
    students: StudentsConfig | None = None
    """An ensemble of the study's own students that have learnt from the labels alone, and from those of `teacher_data`; of
    the keys below it takes `seed`, `logits_dtype`, `weight` and `temperature`."""
    pretrain: PretrainConfig | None = None
    """Pretraining on the task's own texts, from scratch or on from a checkpoint (Gururangan et al. 2020); it needs `epochs`."""
    epochs: int = Field(default=0, ge=0)
    """Epochs of fine-tuning; 0 takes a checkpoint as it is."""
    train_last_layers: int | None = Field(default=None, ge=0)
    """Freeze the embeddings and all encoder layers but the last N; 0 trains the head alone, null trains everything."""
    learning_rate: float = Field(default=5e-5, gt=0)
    """The highest learning rate of the fine-tuning; it falls to zero."""
    warmup_fraction: float = Field(default=0.1, ge=0, lt=1)
    """The part of the fine-tuning's steps in which the learning rate climbs."""
    batch_size: int = Field(default=32, ge=1)
    """Texts in each step of fine-tuning and of pretraining."""
    max_length: int = Field(default=128, ge=4)
    """Tokens of a text that the teacher reads; the rest is cut off. A checkpoint with fewer positions reads as many as it has
    where this is left out, and is refused where it is set."""
    patience: int = Field(default=2, ge=1)
    """Epochs without a better score on dev, by the study's metric, after which fine-tuning stops."""
    members: int = Field(default=1, ge=1)
    """An ensemble of so many, differing in their seed; its logits are the mean."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """The seed of the teacher's weights and of the order of its texts, or of the draw of its students and their vectors; each member
    counts on from it."""
    logits_dtype: Literal["float32", "float16"] = "float32"
    """How the cache keeps the logits."""
    hidden_states: tuple[HiddenState, ...] = ()
    """What else is cached, for `loss.hidden_weight`: `pooled` is what the last layer before the logits reads, a number
    is that layer's mean over the text (0 the embeddings)."""
    weight: float = Field(default=1.0, gt=0)
    """How much this teacher counts among several: in their accuracy together, and in what students learn unless
    `loss.teachers` is `mean`."""
    temperature: float = Field(default=1.0, gt=0)
    """What its logits are divided by before anything reads them; the cache keeps them undivided. It softens a teacher that is
    too sure of itself, whose large logits would be all that is heard of several teachers."""

    @model_validator(mode="after")
    def _one_origin(self) -> TeacherConfig:
        origins = {name: getattr(self, name) for name in ("checkpoint", "from_scratch", "logits", "students")}
        given = [name for name, value in origins.items() if value is not None]
        if len(given) != 1 and given != ["checkpoint", "logits"]:
            raise ValueError(
                f"a teacher has one of checkpoint, from_scratch, logits and students (logits may name the checkpoint "
                f"it came from, which is then timed), but got {', '.join(given) or 'none'}"
            )
        if self.students and (unused := self._said_of_a_bert()):
            raise ValueError(
                f"a teacher of students trains them as its space says, and has no hidden states; leave out what is "
                f"of a BERT (how many answer is students.members), but got {', '.join(unused)}"
            )
        if self.revision is not None and self.checkpoint is None:
            raise ValueError(f"revision is of a checkpoint, but got revision={self.revision} without one")
        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            raise ValueError(f"labels must name each label once, but got {', '.join(self.labels)}")
        if self.labels is not None and self.from_scratch:
            raise ValueError(
                f"labels says which columns a checkpoint or logits have; a teacher from scratch has those of the corpus, "
                f"but got labels={', '.join(self.labels)}"
            )
        if self.labels is not None and self.pretrain and self.logits is None:
            raise ValueError(
                f"labels says which columns the head of a checkpoint has; pretrain keeps no head, but got "
                f"labels={', '.join(self.labels)}"
            )
        if self.from_scratch and not self.epochs:
            raise ValueError("epochs must be >= 1 for a teacher from scratch, but got epochs=0")
        if self.from_scratch and (fault := self._beyond(self.from_scratch.layers)):
            raise ValueError(f"{fault} must be at most from_scratch.layers={self.from_scratch.layers}")
        if self.pretrain and not self.epochs:
            raise ValueError("pretrain needs epochs >= 1: what is pretrained must be fine-tuned, but got epochs=0")
        if self.members > 1 and not self.epochs:
            raise ValueError(f"members={self.members} needs epochs >= 1: untrained members would all be the same")
        return self

    def _beyond(self, n_layers: int) -> str | None:
        """What names a layer that there is not."""
        named = [
            ("train_last_layers", self.train_last_layers),
            *(("hidden_states", state) for state in self.hidden_states),
        ]
        return next((f"{key}={n}" for key, n in named if isinstance(n, int) and n > n_layers), None)

    def _said_of_a_bert(self) -> list[str]:
        fields = type(self).model_fields
        changed = [name for name in fields if getattr(self, name) != fields[name].default]
        return [f"{name}={getattr(self, name)}" for name in changed if name not in STUDENTS_MAY_SAY]
