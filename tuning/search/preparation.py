"""What is made once, before the search: the corpus, the teacher's logits, and the data of every kind of trial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from distune._kinds import OpenKinds, Part
from distune.corpora.augment import AugmentConfig, Augmented, augment, fingerprint, load_augmented, save_augmented
from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.places import Place
from distune.corpora.tokens import WordPieceConfig
from distune.models.vectors.config import FileVectorsConfig
from distune.models.vectors.word_vectors import read_vectors
from distune.tuning.storage.paths import Layout
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, runnable
from distune.tuning.study.points import midpoint, prepared_blocks, upper_bound, values_at
from distune.tuning.teachers import assumed
from distune.tuning.teachers.examining import Examination, examine_teachers
from distune.tuning.teachers.identity import digest, trial_files
from distune.tuning.teachers.logits import accuracy_of, augmented_logits, logits_for
from distune.tuning.teachers.sources import IN_PROCESS, Workers, pieces_for
from distune.tuning.teachers.teachers import TeacherPlace, Teachers, assumptions, locate
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import Inputs, inputs_key
from distune.tuning.trial.inputs import RawInputs, all_inputs
from distune.tuning.trial.plugs import OPEN, plug_identity, refuse_installed_clashes

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """A study with its corpus, what its teachers say, and the inputs of its trials by `inputs_key`."""

    study: Study
    corpus: Corpus
    teachers: Teachers
    inputs: dict[str, Inputs]

    @property
    def teacher_accuracy(self) -> float:
        """On dev."""
        return accuracy_of(self.teachers.of(self.corpus.dev.texts), self.corpus.dev.labels)

    @property
    def fingerprints(self) -> dict[str, str]:
        """What a search is bound to, by content: `Folder.claim` takes it."""
        files = trial_files(distinct_inputs(self.study), self.teachers.places[0].key.teacher)
        files |= {f"{kinds.part}={kind}": plug_identity(model) for kinds, kind, model in plugs_in(self.study)}
        return {
            "corpus": self.corpus.fingerprint,
            "answers": self.corpus.answers_fingerprint,
            "train": self.corpus.train_fingerprint,
            "files": digest(files),
            "teacher": self.teachers.key.teacher,
        }

    def of(self, config: TrialConfig) -> Inputs:
        return self.inputs[inputs_key(config)]


def prepare(study: Study, say: Say, only: TrialConfig | None = None, workers: Workers = IN_PROCESS) -> Prepared:
    """Read the corpus, have the teacher's logits, and make the inputs of every trial (or of `only` one).

    Raises CorpusError and ModelError for what cannot be used.
    """
    study = runnable(study)
    refuse_installed_clashes()
    corpus = load_corpus(study.config.corpus)
    sizes = ", ".join(f"{len(split)} {name}" for name, split in corpus.splits.items())
    say(f"corpus {study.config.corpus.source}: {sizes}; labels {', '.join(corpus.labels)}")
    for line in corpus.notes:
        say(f"  {line}")
    places = locate(study.config, corpus)
    refuse_what_teachers_lack(study, corpus, places)
    for line in (*assumptions(places), *assumed.of_settings(study, corpus, places)):
        say(f"  {line}")
    if only is None:
        vector_notes(
            study
        )  # What is wrong with a file is said before a teacher learns; the notes are, when it is read.
    examine_teachers(Examination(corpus, masks_words(study), say), places, all_of_them=False)
    teachers = logits_for(study.config, corpus, places, say, workers)
    for line in assumed.of_answers(study, corpus, teachers):
        say(f"  {line}")

    def augmented(config: AugmentConfig) -> tuple[Augmented, Teachers]:
        texts = _augmented(config, study.config, corpus, say)
        return texts, augmented_logits(study.config, corpus, teachers, texts, say, workers)

    pieces = partial(pieces_for, place=places[0])
    material = RawInputs(corpus, teachers, pieces, study.config.search.seed, augmented)
    return Prepared(study, corpus, teachers, all_inputs([only] if only else distinct_inputs(study), material, say))


def distinct_inputs(study: Study) -> list[TrialConfig]:
    """One trial config for each combination of tokens, vectors and augmentation in the space, with the most
    augmented texts of each."""
    base = midpoint(study.space)
    return [TrialConfig.model_validate({**base, **chosen}) for chosen in prepared_blocks(study.space)]


def plugs_in(study: Study) -> list[tuple[OpenKinds, str, type[Part]]]:
    """The kinds that the space names and that are not ours."""
    named = [(kinds, kind) for kinds in OPEN for kind in values_at(study.space, f"{kinds.part}.kind")]
    return [(kinds, kind, model) for kinds, kind in named if (model := kinds.find(kind)) is not None]


def vector_notes(study: Study) -> list[str]:
    """What differs in the files of word vectors from what they say of themselves. Raises ModelError for one that cannot be read."""
    chosen = [config.vectors for config in distinct_inputs(study)]
    files = {(one.path, one.dimension): one for one in chosen if isinstance(one, FileVectorsConfig)}
    return [f"{path}: {note}" for (path, _), config in files.items() for note in read_vectors(config, ()).notes]


def masks_words(study: Study) -> bool:
    """Whether any trial reads texts in which words are masked."""
    return any(config.augment.n_iter > 0 and config.augment.p_mask > 0 for config in distinct_inputs(study))


def refuse_what_teachers_lack(study: Study, corpus: Corpus, places: Sequence[TeacherPlace]) -> None:
    """Raise StudyError where trials want of a teacher what it cannot give: its tokens, hidden states, answers on augmented
    texts."""
    for config in distinct_inputs(study):
        tokens, settings = config.tokens, places[0].settings
        if isinstance(tokens, WordPieceConfig) and not (
            tokens.checkpoint or settings.checkpoint or settings.from_scratch
        ):
            kind = "is made of students" if settings.students else "is a file of logits"
            raise StudyError(
                f"trial.tokens: kind wordpiece needs a tokenizer, and a teacher that {kind} has "
                "none; set trial.tokens.checkpoint"
            )
    wants_hidden = upper_bound(study.space, "loss.hidden_weight") > 0
    wants_augmented = upper_bound(study.space, "augment.n_iter") > 0
    for place in places:
        file, settings = place.logits_file, place.settings
        if wants_hidden and not settings.hidden_states and (file is None or file.hidden is None):
            has = f"{file.path} has no column hidden" if file else "set teacher.hidden_states, such as [pooled]"
            has = "a teacher made of students has none" if settings.students else has
            raise StudyError(f"trial.loss.hidden_weight: needs the teacher's hidden states; {has}")
        knows_no_more = file is not None and settings.checkpoint is None and len(file.rows) <= len(corpus.texts())
        if wants_augmented and file and knows_no_more:
            raise StudyError(
                f"trial.augment.n_iter: needs a teacher that can be asked, but {file.path} knows the "
                "texts of the corpus only; set teacher.checkpoint, or n_iter: 0"
            )


def _augmented(config: AugmentConfig, study: StudyConfig, corpus: Corpus, say: Say) -> Augmented:
    """The augmented texts, made once and kept in the storage."""
    texts = (*corpus.train.texts, *corpus.transfer.texts)
    held_out = (*corpus.dev.texts, *corpus.test.texts)
    name = fingerprint(config, texts, held_out)
    place = Layout(Place(study.storage)).augmented(name)
    if not place.is_file():
        say(f"augmenting {len(texts)} texts {config.n_iter} times")
        save_augmented(place, augment(config, texts, held_out))
    augmented = load_augmented(place)
    say(f"augmented texts: {len(augmented.texts)} from {place}")
    return augmented
