"""The settings of the teacher in a study."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from distune.models.teacher.answers_config import AnswersConfig, FileNames, Label

HiddenState = Literal["pooled"] | Annotated[int, Field(ge=0)]


class FromScratchConfig(BaseModel, frozen=True, extra="forbid"):
    """A BERT over characters whose weights start at random, for machines without access to a model hub."""

    layers: int = Field(default=4, ge=1)
    """The number of encoder layers."""
    hidden_size: int = Field(default=256, ge=8)
    """The number of features of each state, a multiple of `heads`. The feed-forward parts have four times as many."""
    heads: int = Field(default=4, ge=1)
    """The number of attention heads of each layer."""
    min_count: int = Field(default=3, ge=1)
    """A character must occur at least this often to be in the vocabulary."""

    @model_validator(mode="after")
    def _heads_divide_hidden_size(self) -> FromScratchConfig:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size must be a multiple of heads, but got {self.hidden_size} and {self.heads}")
        return self


class PretrainConfig(BaseModel, frozen=True, extra="forbid"):
    """Masked-language modelling before the fine-tuning. It reads train and transfer texts and those of
    `teacher_data`, but no text of dev or test."""

    epochs: int = Field(default=1, ge=1)
    """The number of passes over these texts."""
    mask_probability: float = Field(default=0.15, gt=0, lt=1)
    """The part of the tokens that the teacher must predict."""
    learning_rate: float | None = Field(default=None, gt=0)
    """The highest learning rate of the pretraining; by default 5e-4 from scratch and 5e-5 from a checkpoint."""


class StudentsConfig(BaseModel, frozen=True, extra="forbid"):
    """Students that learn from the labels alone and answer together as a teacher: the log of the mean of their probabilities."""

    trials: int = Field(default=16, ge=1)
    """The number of students that are drawn at random from the space and trained."""
    members: int = Field(default=8, ge=1)
    """The number of students that answer: those that are best on dev, at most `trials`."""
    trial: dict[str, Any] | None = None
    """The space from which they are drawn, in the shape of the study's `trial`; the default is that `trial` itself.
    Its settings of teachers, augmentation and compression do not count."""

    @model_validator(mode="after")
    def _members_are_among_the_trials(self) -> StudentsConfig:
        if self.members > self.trials:
            raise ValueError(f"members must be <= trials, but got members={self.members}, trials={self.trials}")
        return self


STUDENTS_MAY_SAY = {"students", "seed", "logits_dtype", "weight", "temperature"}
ANSWERS_MAY_SAY = {"answers", "logits_dtype", "weight", "temperature"}


class TeacherConfig(BaseModel, frozen=True, extra="forbid"):
    """The source of the teacher (one of `checkpoint`, `from_scratch`, `logits`, `answers` and `students`) and the
    settings of its training."""

    checkpoint: str | None = Field(default=None, json_schema_extra={"travels": True})
    """A hub id or a local folder; with the package peft, also the folder of a LoRA adapter."""
    revision: str | None = None
    """The branch, tag or commit of a checkpoint of the hub; by default its main branch. Distune identifies the
    teacher by the commit."""
    labels: tuple[Label, ...] | None = Field(default=None, min_length=2)
    """The label of each column of the checkpoint or of the logits, in the order of the columns. By default Distune
    matches names, and takes columns without names in the order of the corpus' labels."""
    from_scratch: FromScratchConfig | None = None
    """A BERT of this shape, trained from nothing; it needs `epochs`."""
    logits: FileNames | None = Field(default=None, json_schema_extra={"travels": True})
    """A file with texts (or their hashes) and logits or probabilities from any model, by its path or URI. A pattern such as
    `logits-*.parquet`, a folder, and a list of names stand for several files, whose rows are read as those of one."""
    answers: AnswersConfig | None = Field(default=None, json_schema_extra={"travels": True})
    """A file of answers to texts, such as those of a language model: labels, votes, log-probabilities of labels, or
    labels with a confidence. Distune makes logits of them."""
    students: StudentsConfig | None = None
    """An ensemble of the study's own students. They learn from the labels alone, including those of `teacher_data`.
    The keys below that apply to them are `seed`, `logits_dtype`, `weight` and `temperature`."""
    pretrain: PretrainConfig | None = None
    """Pretraining on the task's own texts, from scratch or from a checkpoint (Gururangan et al. 2020); it needs
    `epochs`."""
    epochs: int = Field(default=0, ge=0)
    """The number of epochs of fine-tuning; 0 takes a checkpoint unchanged."""
    train_last_layers: int | None = Field(default=None, ge=0)
    """The number of last encoder layers that are trained; the embeddings and the other layers are frozen. 0 trains
    only the head, and null trains everything."""
    learning_rate: float = Field(default=5e-5, gt=0)
    """The highest learning rate of the fine-tuning; it falls to zero."""
    warmup_fraction: float = Field(default=0.1, ge=0, lt=1)
    """The part of the fine-tuning's steps in which the learning rate rises."""
    batch_size: int = Field(default=32, ge=1)
    """The number of texts in each step of fine-tuning and of pretraining."""
    max_length: int = Field(default=128, ge=4)
    """The number of tokens of a text that the teacher reads; the rest is cut off. For a checkpoint with fewer
    positions the default is lowered to them, and a larger value in the study is refused."""
    patience: int = Field(default=2, ge=1)
    """The number of epochs without a better score on dev, by the study's metric, after which fine-tuning stops."""
    members: int = Field(default=1, ge=1)
    """The number of members of an ensemble. They differ in their seed, and the logits are their mean."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """The seed of the teacher's weights and of the order of its texts, or of the draw of its students and their
    vectors. Each further member adds 1 to it."""
    logits_dtype: Literal["float32", "float16"] = "float32"
    """The number type of the logits in the cache."""
    hidden_states: tuple[HiddenState, ...] = ()
    """The hidden states that are cached too, for `loss.hidden_weight`. `pooled` is the input of the last layer
    before the logits. A number is that layer's mean over the text, and 0 is the embeddings."""
    weight: float = Field(default=1.0, gt=0)
    """The weight of this teacher among several. It counts in their common accuracy, and in the students' loss unless
    `loss.teachers` is `mean`."""
    temperature: float = Field(default=1.0, gt=0)
    """Distune divides this teacher's logits by this number before anything reads them; the cache keeps them
    undivided. It softens a teacher that is too confident: otherwise its large logits dominate those of the other
    teachers."""

    @model_validator(mode="after")
    def _one_origin(self) -> TeacherConfig:
        origins = {
            name: getattr(self, name) for name in ("checkpoint", "from_scratch", "logits", "answers", "students")
        }
        given = [name for name, value in origins.items() if value is not None]
        if len(given) != 1 and given != ["checkpoint", "logits"]:
            raise ValueError(
                f"a teacher has one of checkpoint, from_scratch, logits, answers and students (logits may name the "
                f"checkpoint it came from, which is then timed), but got {', '.join(given) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _says_what_its_origin_has(self) -> TeacherConfig:
        if self.answers and (unused := self._said_of_a_bert(ANSWERS_MAY_SAY)):
            raise ValueError(
                f"a teacher of answers is a file that names labels: Distune trains and asks nothing; leave out what is "
                f"of a BERT, but got {', '.join(unused)}"
            )
        if self.students and (unused := self._said_of_a_bert(STUDENTS_MAY_SAY)):
            raise ValueError(
                f"a teacher of students trains them as its space says, and has no hidden states; leave out what is "
                f"of a BERT (how many answer is students.members), but got {', '.join(unused)}"
            )
        if self.revision is not None and self.checkpoint is None:
            raise ValueError(f"revision is of a checkpoint, but got revision={self.revision} without one")
        return self

    @model_validator(mode="after")
    def _labels_are_of_columns(self) -> TeacherConfig:
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
        return self

    @model_validator(mode="after")
    def _is_trained_if_it_must_be(self) -> TeacherConfig:
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
        """The entries that name a missing layer."""
        named = [
            ("train_last_layers", self.train_last_layers),
            *(("hidden_states", state) for state in self.hidden_states),
        ]
        return next((f"{key}={n}" for key, n in named if isinstance(n, int) and n > n_layers), None)

    def _said_of_a_bert(self, may_say: set[str]) -> list[str]:
        fields = type(self).model_fields
        changed = [name for name in fields if getattr(self, name) != fields[name].default]
        return [f"{name}={getattr(self, name)}" for name in changed if name not in may_say]
