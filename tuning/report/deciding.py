"""Which words of a text decided a student's answer: by occlusion, through the graph that is served."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.encoding import SEPARATOR, load_encoder
from distune.models.decision import LIKELIEST, AnyDecision
from distune.models.errors import first_line
from distune.models.network import open_session, run_network
from distune.models.predictor import decision_in
from distune.tuning.storage.paths import Folder

_log = logging.getLogger(__name__)
HIDDEN = "\0"
"""No token of any vocabulary: it is looked up as an unknown one."""
SHOWN_WORDS = 3
SHOWN_LABELS = 5
"""The largest number of labels of an answer whose words are looked for."""
LEAST_DROP = 0.01
Probabilities = Callable[[Sequence[str]], NDArray[np.floating[Any]]]
"""From the tokens of a text to the probabilities `[classes]` of its answer."""


@dataclass(frozen=True)
class Word:
    """A word, and by how much the probability of a label falls when the student does not see it."""

    text: str
    drop: float


@dataclass(frozen=True)
class Decided:
    """The words that decided one label of an answer, or the likeliest label if the answer has none."""

    label: str
    words: tuple[Word, ...]


def deciding_words(
    tokens: Sequence[str], ask: Probabilities, decision: AnyDecision = LIKELIEST
) -> dict[int, list[Word]]:
    """The words without which the answer loses most probability, one hidden at a time, in all its places (Zeiler & Fergus 2014), the most first.

    They are by the index of the answered label. If a text has several labels, they are by those of the likeliest
    `SHOWN_LABELS` answered ones, or by that of the likeliest label if none is answered.
    """
    whole = ask(tokens)
    looked_at = _looked_at(decision, whole)
    found: dict[int, list[Word]] = {index: [] for index in looked_at}
    for token in dict.fromkeys(token for token in tokens if token != SEPARATOR):
        hidden = ask([HIDDEN if one == token else one for one in tokens])
        for index, words in found.items():
            words.append(Word(token, float(whole[index] - hidden[index])))
    return {index: _most_telling(words) for index, words in found.items()}


def _looked_at(decision: AnyDecision, whole: NDArray[np.floating[Any]]) -> list[int]:
    answer = decision.of_probabilities(whole[None])[0]
    if answer.ndim == 0:
        return [int(answer)]
    likeliest_first = [int(index) for index in np.argsort(-whole, kind="stable")]
    return [index for index in likeliest_first if answer[index]][:SHOWN_LABELS] or likeliest_first[:1]


def _most_telling(words: Sequence[Word]) -> list[Word]:
    telling = [word for word in words if word.drop >= LEAST_DROP]
    return sorted(telling, key=lambda word: -word.drop)[:SHOWN_WORDS]


def words_of_texts(folder: Folder, texts: Sequence[str]) -> dict[str, list[Decided]]:
    """The same as `_words`, for a page that a champion which cannot be asked must not cost: that is said, and no more."""
    try:
        return _words(folder, texts)
    except Exception as error:  # noqa: BLE001  (see above)
        _log.info(
            f"the page has no words that decided: {folder.place / 'champion'} cannot be asked ({first_line(error)})"
        )
        return {}


def _words(folder: Folder, texts: Sequence[str]) -> dict[str, list[Decided]]:
    """The words that decided the champion's answer to each text, by label; empty if the search has no champion's folder."""
    champion = folder.place / "champion"
    if not texts or not (champion / "model.onnx").is_file():
        return {}
    with champion.to_read() as path:
        encoder = load_encoder(path)
        session = open_session((path / "model.onnx").read_bytes())
        labels = json.loads((path / "labels.json").read_text(encoding="utf-8"))
        decision = decision_in(path, labels)

        def ask(tokens: Sequence[str]) -> NDArray[np.floating[Any]]:
            row: NDArray[np.floating[Any]] = decision.probabilities(run_network(session, [encoder.look_up(tokens)]))[0]
            return row

        return {text: _decided(deciding_words(encoder.read(text), ask, decision), labels) for text in texts}


def _decided(found: Mapping[int, Sequence[Word]], labels: Sequence[str]) -> list[Decided]:
    return [Decided(labels[index], tuple(words)) for index, words in found.items() if words]
