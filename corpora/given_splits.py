"""A data set that comes with splits of its own: its train is the source, its others are dev and test unless the study names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distune._plural import n_of
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.doubtful_labels import NO_LABEL
from distune.corpora.hub_dataset import is_of_hub, splits_of_hub
from distune.corpora.places import UNREADABLE, Place
from distune.corpora.saved_dataset import saved_splits
from distune.corpora.sources import read_source
from distune.corpora.splitting import file_of
from distune.corpora.texts import CorpusError

TRAIN = "train"
NAMES = {"dev": ("validation", "dev", "valid", "val"), "test": ("test",)}
"""The names of splits that become dev and test; the first that is there counts."""


def with_given_splits(config: CorpusConfig, notes: list[str]) -> CorpusConfig:
    """The same settings, with the splits of such a data set as source, dev and test; other sources stay as they are.

    Raises CorpusError for a data set without a split `train`.
    """
    places = splits_of(config.source) if isinstance(config.source, str) else {}
    if not places:
        return config
    shown = ", ".join(places)
    if TRAIN not in places:
        one = next(iter(places.values()))
        raise CorpusError(
            f"{config.source}: has the splits {shown} and no {TRAIN}; name the one that is the source, such as {one}"
        )
    chosen: dict[str, str] = {"source": places[TRAIN]}
    taken, without = {TRAIN: "source"}, dict[str, str]()
    for setting, names in NAMES.items():
        name = next((name for name in names if name in places), None)
        if name is None or getattr(config, setting) is not None:
            continue
        if _has_labels(config, places[name]):
            chosen[setting] = places[name]
            taken[name] = setting
        else:
            without[name] = setting
            notes.append(f"  its split {name} has no labels, so that it is not {setting}, which is drawn from {TRAIN}")
    used = ", ".join(
        f"{name} as the {what}" if what == "source" else f"{name} as {what}" for name, what in taken.items()
    )
    notes += [_about_unused(config, name, place) for name, place in places.items() if name not in taken | without]
    notes.insert(0, f"{config.source}: has the {n_of(len(places), 'split')} {shown}; {used}")
    return config.model_copy(update=chosen)


def _about_unused(config: CorpusConfig, name: str, place: str) -> str:
    """The line about a split that is none of source, dev and test."""
    setting = next((setting for setting, names in NAMES.items() if name in names), None)
    if setting is not None and getattr(config, setting) is not None:
        return f"  its split {name} is not read, as the study names its own {setting}"
    return f"  its split {name} is not read; corpus.unlabelled: {place} adds its texts to the transfer set"


def splits_of(source: str) -> Mapping[str, str]:
    """The name of each split of a data set that has some, and how a study names its rows."""
    if is_of_hub(source):
        return splits_of_hub(source)
    folder = Place(source)
    try:
        return {split: (folder / split).uri for split in saved_splits(folder)}
    except UNREADABLE:
        return {}  # What cannot be looked at is told where it is read.


def _has_labels(config: CorpusConfig, place: str) -> bool:
    table = read_source(file_of(config, place), (config.text, config.label))
    cells: list[Any] = table.column(config.label)
    missing = (None, int(NO_LABEL)) if table.class_names_of(config.label) else (None,)
    return not all(cell in missing for cell in cells)
