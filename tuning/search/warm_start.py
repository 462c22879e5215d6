"""The search that another one starts from: which it is, and what has changed since."""

from __future__ import annotations

from collections.abc import Mapping

from distune.corpora.corpus import Corpus
from distune.corpora.places import Place
from distune.tuning.storage.paths import Folder, Layout
from distune.tuning.storage.searches import searches_of
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import kept_study


def changed_since(earlier: Folder, fingerprints: Mapping[str, str]) -> list[str]:
    """The parts of an earlier search that have changed: its trials guide the sampler, but would have other results
    now."""
    what = {"train": "labels of train", "teacher": "teacher", "files": "files that trial names"}
    changed = [words for name, words in what.items() if earlier.state.get(name) != fingerprints.get(name)]
    return [
        f"search.warm_start: {words} changed since the search in {earlier}; its trials only guide the sampler"
        for words in changed
    ]


def earlier_folder(config: StudyConfig, corpus: Corpus) -> Folder:
    """The last search of the study to start from; raises StudyError when it has none on this corpus and its labels."""
    name = str(config.search.warm_start)
    if name == config.name:
        raise StudyError(
            f"search.warm_start: {name} is this study itself; to go on with its last search leave warm_start out, and ask for "
            "more trials: distune search STUDY --resume --set search.trials=N"
        )
    folders = searches_of(Layout(Place(config.storage)), name)
    if not folders:
        raise StudyError(f"search.warm_start: {name} has not been searched yet (nothing in {config.storage})")
    state = folders[-1].state
    if state.get("corpus") != corpus.fingerprint:
        raise StudyError(f"search.warm_start: {name} was searched on another corpus; its scores say nothing here")
    if state.get("answers") != corpus.answers_fingerprint:
        raise StudyError(
            f"search.warm_start: {name} was searched with other labels of dev or test (or by an older Distune, which did "
            "not keep them); its scores say nothing here; search it again, or leave warm_start out"
        )
    metric = kept_study(folders[-1].study_file).config.metric
    if metric != config.metric:
        raise StudyError(
            f"search.warm_start: {name} was searched by {metric.title}, and this study is by {config.metric.title}: its scores say "
            "nothing here"
        )
    return folders[-1]
