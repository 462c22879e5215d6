"""A study with the content of its files: read once, its parts compared with each other, before anything expensive
starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distune.corpora.corpus import Corpus
from distune.corpora.encoding import refuse_missing_segmenter, segmenter
from distune.corpora.teacher_data import load_teacher_data
from distune.corpora.tokens import WordPieceConfig, encoder_settings, tokenize
from distune.models.vectors.config import FileVectorsConfig
from distune.models.vectors.word_vectors import read_vectors, refuse_missing_packages, refuse_strange_words
from distune.tuning.metric.task import AnyMetric, task_of
from distune.tuning.search.plugged import refuse_broken_plugs
from distune.tuning.search.warm_start import earlier_folder
from distune.tuning.storage.paths import Folder
from distune.tuning.study.against_corpus import refuse_what_corpus_lacks
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, runnable
from distune.tuning.study.points import midpoint, prepared_blocks, upper_bound
from distune.tuning.teachers import assumed
from distune.tuning.teachers.answers import answered_corpus
from distune.tuning.teachers.examining import Examination, examine_teachers
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.sources import is_to_be_trained, pieces_for
from distune.tuning.teachers.teachers import TeacherPlace, assumptions
from distune.tuning.teachers.vectors import refuse_missing_encoder
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.plugs import refuse_installed_clashes

FIRST_TEXTS = 1000
"""This many texts show whether a file of vectors has words of this language, cut as these tokens are; reading them
takes a second."""


@dataclass(frozen=True, kw_only=True)
class ReadStudy:
    """A study, its corpus, the places of its teachers, and notes about them."""

    study: Study
    corpus: Corpus
    metric: AnyMetric
    places: tuple[TeacherPlace, ...]
    configs: tuple[TrialConfig, ...]
    """One trial config for each kind of inputs in the space."""
    only: TrialConfig | None
    """The one trial to prepare; None for all of the space."""
    earlier: Folder | None
    """The search that this one starts from."""
    of_columns: tuple[str, ...]
    """The assumptions about the order of the teachers' columns."""
    of_settings: tuple[str, ...]
    """The assumptions of the study about its teachers' numbers."""
    of_teachers: tuple[str, ...]
    """The lines of the loaded teachers about themselves."""
    of_vectors: tuple[str, ...]
    """How the files of word vectors were read."""
    of_teacher_data: tuple[str, ...]
    """How the files of the teachers' own texts were read, and what was left out of them."""

    @property
    def sizes(self) -> str:
        """The splits and how many texts each has."""
        return ", ".join(f"{len(split):,} {name}" for name, split in self.corpus.splits.items())


def read_study(study: Study, only: TrialConfig | None = None, all_teachers: bool = False) -> ReadStudy:
    """Read a study's files, and refuse what would stop it later; nothing is written.

    Teachers whose answers are cached have been examined before, and are examined again only with `all_teachers`.
    Raises StudyError, CorpusError, MetricError or ModelError.
    """
    study = runnable(study)
    refuse_installed_clashes()
    config = study.config
    corpus = answered_corpus(config)
    held_out = {"dev": corpus.dev.labels, "test": corpus.test.labels}
    metric = task_of(corpus.is_multi_label).metric(config.metric, corpus.labels, held_out)
    places = locate(config, corpus)
    configs = distinct_inputs(study)
    _refuse_what_teachers_lack(study, len(corpus.texts()), places, configs)
    refuse_what_corpus_lacks(study, corpus.labels, only)
    prepared = [only] if only else configs
    of_vectors = refuse_missing_encoder(config, places, prepared)
    refuse_broken_plugs(study, configs[0])
    texts = (*corpus.train.texts, *corpus.transfer.texts)
    _refuse_what_inputs_lack(prepared, texts, places[0])
    # It is said before a teacher is loaded, or learns.
    of_vector_files = _vector_notes(prepared, texts[:FIRST_TEXTS], places[0])
    earlier = earlier_folder(config, corpus) if config.search.warm_start and not only else None
    more = config.teacher_data
    of_teacher_data: tuple[str, ...] = ()
    if (more.labelled or more.unlabelled) and (all_teachers or any(map(is_to_be_trained, places))):
        of_teacher_data = load_teacher_data(more, corpus).notes
    masks = any(one.augment.n_iter > 0 and one.augment.p_mask > 0 for one in configs)
    of_teachers = examine_teachers(Examination(corpus, masks), places, all_of_them=all_teachers)
    return ReadStudy(
        study=study,
        corpus=corpus,
        metric=metric,
        places=places,
        configs=configs,
        only=only,
        earlier=earlier,
        of_columns=tuple(assumptions(places)),
        of_settings=(*of_vectors, *_assumed_of_settings(study, corpus, metric, places)),
        of_teachers=tuple(of_teachers),
        of_vectors=tuple(of_vector_files),
        of_teacher_data=of_teacher_data,
    )


def distinct_inputs(study: Study) -> tuple[TrialConfig, ...]:
    """One trial config for each combination of tokens, vectors and augmentation in the space, with the most
    augmented texts of each."""
    base = midpoint(study.space)
    return tuple(TrialConfig.model_validate({**base, **chosen}) for chosen in prepared_blocks(study.space))


def _assumed_of_settings(
    study: Study, corpus: Corpus, metric: AnyMetric, places: Sequence[TeacherPlace]
) -> tuple[str, ...]:
    return (
        *assumed.of_seen_texts(corpus.drawn, places),
        *assumed.of_settings(study, corpus.dev.labels, corpus.labels, places),
        *assumed.of_rare_labels(study.config.metric, corpus.dev.labels, corpus.labels),
        *assumed.of_threshold(metric, corpus.dev.labels),
    )


def _refuse_what_inputs_lack(configs: Sequence[TrialConfig], texts: Sequence[str], first: TeacherPlace) -> None:
    """Raise an error for tokens and word vectors whose packages are not installed, and for tokens without a vocabulary."""
    for one in configs:
        pieces, settings = pieces_for(one.tokens, first), encoder_settings(one.tokens)
        refuse_missing_segmenter(settings)
        if (
            "segmenter" not in settings or settings["user_words"]
        ):  # rjieba alone cannot fail, and reads its dictionary first.
            segmenter(settings, pieces)
        if len(texts) <= FIRST_TEXTS:
            tokenize(one.tokens, texts, pieces)  # Of more texts it takes long, and a vocabulary is there.
        refuse_missing_packages(one.vectors)


def _vector_notes(configs: Sequence[TrialConfig], texts: Sequence[str], first: TeacherPlace) -> list[str]:
    """The differences between the files of word vectors and their own headers; `texts` are the first ones of train and
    transfer, and `first` is the teacher whose tokenizer may cut them.

    Raises ModelError for one that cannot be read, and for one that knows no word of the first texts.
    """
    notes: dict[str, None] = {}
    for one in configs:
        if isinstance(one.vectors, FileVectorsConfig):
            tokens = one.tokens.model_copy(update={"min_count": 1})  # Rare words too.
            words = tokenize(tokens, texts, pieces_for(one.tokens, first)).vocabulary
            found = read_vectors(one.vectors, words)
            refuse_strange_words(one.vectors, found, f"words of the first {FIRST_TEXTS:,} texts")
            notes |= {f"{one.vectors.path}: {note}": None for note in found.notes}
    return list(notes)


def _refuse_what_teachers_lack(
    study: Study, n_texts: int, places: Sequence[TeacherPlace], configs: Sequence[TrialConfig]
) -> None:
    """Raise StudyError if trials want of a teacher what it cannot give: its tokens, hidden states, answers on
    augmented texts; the corpus has `n_texts`."""
    for config in configs:
        tokens, settings = config.tokens, places[0].settings
        if isinstance(tokens, WordPieceConfig) and not (
            tokens.checkpoint or settings.checkpoint or settings.from_scratch
        ):
            kind = (
                "is made of students"
                if settings.students
                else "is a file of answers"
                if settings.answers
                else "is a file of logits"
            )
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
            has = "a file of answers has none" if settings.answers else has
            raise StudyError(f"trial.loss.hidden_weight: needs the teacher's hidden states; {has}")
        knows_no_more = file is not None and settings.checkpoint is None and len(file.rows) <= n_texts
        if wants_augmented and file and knows_no_more:
            raise StudyError(
                f"trial.augment.n_iter: needs a teacher that can be asked, but {file.path} knows the "
                "texts of the corpus only; set teacher.checkpoint, or n_iter: 0"
            )
