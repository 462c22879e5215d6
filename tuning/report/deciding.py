"""Which words of a text decided a student's answer: by occlusion, through the graph that is served."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distune.corpora.encoding import SEPARATOR, load_encoder
from distune.models.decision import LIKELIEST, Decision, softmax
from distune.models.errors import first_line
from distune.models.predictor import decision_in, open_session, run_network
from distune.tuning.storage.paths import Folder

_log = logging.getLogger(__name__)
HIDDEN = "\0"
"""No token of any vocabulary: it is looked up as an unknown one."""
SHOWN_WORDS = 3
LEAST_DROP = 0.01
Probabilities = Callable[[Sequence[str]], NDArray[np.float32]]
"""From the tokens of a text to the probabilities `[classes]` of its answer."""


@dataclass(frozen=True)
class Word:
    """A word, and by how much the probability of the answer falls when the student does not see it."""

    text: str
    drop: float


def deciding_words(tokens: Sequence[str], ask: Probabilities, decision: Decision = LIKELIEST) -> list[Word]:
    """The words without which the answer loses most probability, one hidden at a time, in all its places (Zeiler & Fergus 2014), the most first."""
    whole = ask(tokens)
    answer = int(decision.of_probabilities(whole[None])[0])
    found = []
    for token in dict.fromkeys(token for token in tokens if token != SEPARATOR):
        hidden = ask([HIDDEN if one == token else one for one in tokens])
        found.append(Word(token, float(whole[answer] - hidden[answer])))
    telling = [word for word in found if word.drop >= LEAST_DROP]
    return sorted(telling, key=lambda word: -word.drop)[:SHOWN_WORDS]


def words_of_texts(folder: Folder, texts: Sequence[str]) -> dict[str, list[Word]]:
    """The same as `_words`, for a page that a champion which cannot be asked must not cost: that is said, and no more."""
    try:
        return _words(folder, texts)
    except Exception as error:  # noqa: BLE001  (see above)
        _log.info(
            f"the page has no words that decided: {folder.place / 'champion'} cannot be asked ({first_line(error)})"
        )
        return {}


def _words(folder: Folder, texts: Sequence[str]) -> dict[str, list[Word]]:
    """The words that decided the champion's answer to each text; empty if the search has no champion's folder."""
    champion = folder.place / "champion"
    if not texts or not (champion / "model.onnx").is_file():
        return {}
    with champion.to_read() as path:
        encoder = load_encoder(path)
        session = open_session((path / "model.onnx").read_bytes())

        def ask(tokens: Sequence[str]) -> NDArray[np.float32]:
            row: NDArray[np.float32] = softmax(run_network(session, [encoder.look_up(tokens)]))[0]
            return row

        decision = decision_in(path, json.loads((path / "labels.json").read_text(encoding="utf-8")))
        return {text: deciding_words(encoder.read(text), ask, decision) for text in texts}
