"""`distune watch`: whether the answers to later texts have moved away from those to dev."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from distune._plural import n_of
from distune.corpora.encoding import load_encoder
from distune.models.checkpoint_folder import CheckpointError, check_folder
from distune.models.predictor import Predictor
from distune.models.profile import DEV_PROFILE, Profile, read_profile
from distune.tuning.serve.movement import Movement, least_seen, movements
from distune.tuning.serve.table_input import InputSettings
from distune.tuning.serve.watched import profile_of_answers, profile_of_texts, refuse_unused

LEAST_PRINTED = 1e-6
MOVED = 3
"""The exit code if a measure has moved."""


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """The two sets of texts that are compared, and the smallest difference that counts."""

    now: InputSettings
    before: InputSettings | None = None
    """The texts of before; None takes dev, as the folder remembers it."""
    are_answers: bool = False
    """Whether the files hold answers of the student in place of texts."""
    least: float
    false_alarms: float


def watch(folder: Path, settings: WatchSettings) -> bool:
    """Print how the answers to texts differ from those of before, a line of JSON last, and return whether any measure has moved.

    Raises CheckpointError, CorpusError and TextError for what cannot be read rightly.
    """
    if not 0 < settings.false_alarms < 1:
        raise CheckpointError(f"--false-alarms must be above 0 and below 1, but got {settings.false_alarms:g}")
    check_folder(folder)
    predictor = Predictor(folder, load_encoder(folder))
    profile = profile_of_answers if settings.are_answers else profile_of_texts
    refuse_unused(settings.now, settings.before, settings.are_answers)
    before = _dev(folder, predictor) if settings.before is None else profile(predictor, settings.before)
    if settings.are_answers:
        before = before.known_or_not()
    now = profile(predictor, settings.now)
    found = movements(now, before, predictor.labels, predictor.is_multi_label, settings.least, settings.false_alarms)
    for line in _lines(found, now, before, settings):
        print(line)
    moved = [one.measure for one in found if one.has_moved]
    measures = {one.measure: {key: value for key, value in asdict(one).items() if key != "measure"} for one in found}
    print(
        json.dumps(
            {"texts": now.n_texts, "texts_before": before.n_texts, "moved": moved, "measures": measures},
            ensure_ascii=False,
        )
    )
    return bool(moved)


def _dev(folder: Path, predictor: Predictor) -> Profile:
    found = read_profile(folder, len(predictor.labels))
    if found is None or not found.n_texts:
        raise CheckpointError(
            f"{folder} does not remember what its student answered to dev: it has no {DEV_PROFILE}, as an earlier version made it, or "
            "compress without a study; name texts of a time when all was well by --against"
        )
    return found


def _p(chance: float) -> str:
    return f"p = {chance:.2g}" if chance >= LEAST_PRINTED else f"p < {LEAST_PRINTED:g}"


def _lines(found: tuple[Movement, ...], now: Profile, before: Profile, settings: WatchSettings) -> list[str]:
    of_before = "dev" if settings.before is None else "before"
    of_texts = "dev's" if settings.before is None else "those of before"
    lines = [f"{n_of(now.n_texts, 'text')}, compared with {n_of(before.n_texts, 'text')} of {of_before}"]
    sentences = {
        "labels": "{now} of the answers are {at}, and {before} of {of}",
        "confidence": "{now} of the answers are less sure than {at}, and {before} of {of}",
        "unknown tokens": "{now} of the texts have a share of {at} or more, and {before} of {of}",
    }
    for one in found:
        said = sentences[one.measure].format(now=f"{one.now:.1%}", before=f"{one.before:.1%}", at=one.at, of=of_texts)
        has = "moved" if one.has_moved else "as before"
        lines.append(f"  {one.measure}: {has}, a difference of {one.difference:.3f} ({_p(one.chance)}): {said}")
    seen = least_seen(now.n_texts, before.n_texts, settings.false_alarms)
    if seen > settings.least:
        lines.append(
            f"so few texts show only differences of {seen:.3f} or more; more texts would show one of {settings.least:g}"
        )
    moved = [one.measure for one in found if one.has_moved]
    lines.append(
        f"moved: {', '.join(moved)}; see whether the student is still right on these texts"
        if moved
        else "nothing has moved"
    )
    return lines
