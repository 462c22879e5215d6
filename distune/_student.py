"""A student that answers, from Python. It needs only onnxruntime, numpy and the package that cuts its texts."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from distune.corpora.encoding import load_encoder
from distune.models.answers import Text, check_abstaining
from distune.models.checkpoint_folder import CheckpointError, check_folder
from distune.models.network import MAX_THREADS
from distune.models.predictor import Predictor

if TYPE_CHECKING:
    import pandas as pd

    from distune._search import Found

TEXTS_IN_MEMORY = 1024
"""Texts of a generator that are answered together."""


class Student:
    """A trained student, ready to answer texts on one CPU thread, or on `threads` of them.

    Texts may be a list, a pandas Series or a generator. The answers keep the index of a Series, and a generator is
    answered while it is read. TextError names the first row that is no text. CheckpointError names a folder that is no
    checkpoint.

        student = distune.load("my-student")
        student.predict(["很好", "太慢了"])    # ["1", "0"]
        student.predict_proba(["很好"]).shape  # (1, 2): [texts, classes]

    A student of pairs answers pairs of strings: `student.predict([("怎么退款", "如何退钱")])`. Two columns of a table are
    pairs by `zip(table.text, table.text_b)`.
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        _check_threads(threads)
        if not isinstance(folder, str | os.PathLike):
            raise CheckpointError(f"a student is made of a checkpoint folder, but got {folder!r}")
        check_folder(Path(folder))
        self._predictor = Predictor(folder, load_encoder(folder), threads)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the columns of `predict_proba`."""
        return tuple(self._predictor.labels)

    def predict(self, texts: Iterable[Text], abstain_below: float | None = None) -> Any:
        """The label of each text: a list, but a Series for a Series and a generator for a generator.

        It is the likeliest label, or the one that the student's threshold decides for (`metric.threshold` of its study). A
        student of several labels a text gives a list of labels for each, in the order of `labels`; it may be empty.

        With `abstain_below`, a number from 0 to 1, the label is None for a text whose answer is less sure than that:
        `student.predict(texts, abstain_below=0.9)`. With several labels a text the least sure label counts.
        """
        check_abstaining(abstain_below)
        if isinstance(texts, Iterator):
            return (
                label for part, first in self._parts(texts) for label in self._labels_of(part, first, abstain_below)
            )
        labels = self._labels_of(_all(texts), 0, abstain_below)
        if (series := _as_series(texts)) is not None:
            name = "labels" if self._predictor.is_multi_label else "label"
            return type(series)(labels, index=series.index, name=name, dtype=object)
        return labels

    def predict_proba(self, texts: Iterable[Text]) -> Any:
        """Probabilities `[texts, classes]`, the classes in the order of `labels`: an array. For a Series it is a
        DataFrame with a column for each label, and for a generator it is a generator of rows."""
        if isinstance(texts, Iterator):
            return (row for part, first in self._parts(texts) for row in self._predictor.probabilities(part, first))
        probabilities = self._predictor.probabilities(_all(texts))
        if (series := _as_series(texts)) is not None:
            import pandas as pd

            return pd.DataFrame(probabilities, index=series.index, columns=list(self.labels))
        return probabilities

    def answers(self, texts: Iterable[Text]) -> Any:
        """All that is known of each text: its label, its probabilities, and whether the vocabulary has any of its tokens.

        For a Series it is a DataFrame with the same index and the columns `label` (`labels` of several labels a text),
        `probability_LABEL` for each label, and `has_known_token`. Otherwise it is a list of dicts, as `distune predict`
        prints them, and for a generator a generator of these. A label says nothing about a text whose
        `has_known_token` is false, such as a blank one or one in another language.

            table = student.answers(frame["body"])
            table.loc[~table["has_known_token"], "label"] = None
        """
        if isinstance(texts, Iterator):
            return self._predictor.answers(texts)
        answers = list(self._predictor.answers(_all(texts)))
        if (series := _as_series(texts)) is None:
            return answers
        import pandas as pd

        name = "labels" if self._predictor.is_multi_label else "label"
        columns: dict[str, Any] = {name: pd.Series([one[name] for one in answers], series.index, dtype=object)}  # type: ignore[literal-required]
        for label in self.labels:
            columns[f"probability_{label}"] = [one["probabilities"][label] for one in answers]
        known = np.array([one["has_known_token"] for one in answers], dtype=bool)
        return pd.DataFrame({**columns, "has_known_token": known}, index=series.index)

    def encode(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """The vector of each text, an array `[texts, features]`, by a siamese student of pairs (`student.pair: siamese` or
        `symmetric`). A text of many pairs is read once:

            stored = student.encode(["如何退钱", "怎么改地址"])
            student.compare(student.encode(["怎么退款"]), stored)  # [2, classes]

        Raises CheckpointError for another student or a folder of an earlier version, and TextError for a row that is no
        text or a blank one.
        """
        return self._predictor.encode(_all(texts))  # type: ignore[arg-type]

    def compare(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probabilities of pairs of vectors `[pairs, classes]`, the classes in the order of `labels`.

        Both sides are of `encode`. They have as many vectors, or one has a single vector, which is compared with each of the
        other side. The probabilities are those of `predict_proba` for the pair of texts, up to 1e-5. Raises ValueError
        for what are no such vectors.
        """
        return self._predictor.compare(first, second)

    def __repr__(self) -> str:
        return f"Student(labels={list(self.labels)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Student cannot be pickled, as it holds a session of ONNX Runtime: pass the folder on, and distune.load it there"
        )

    def _parts(self, texts: Iterator[Text]) -> Iterator[tuple[list[Text], int]]:
        """The texts as they come, and the number of those before them."""
        n_before = 0
        while part := list(itertools.islice(texts, TEXTS_IN_MEMORY)):
            yield part, n_before
            n_before += len(part)

    def _labels_of(self, texts: Sequence[Text], first_row: int, abstain_below: float | None) -> list[Any]:
        if abstain_below is not None:
            answers = self._predictor.answers(texts, abstain_below, first_row)
            return [None if one["abstained"] else one["labels"] if "labels" in one else one["label"] for one in answers]
        answered = self._predictor.labels_of_each(texts, first_row)
        return answered if self._predictor.is_multi_label else [labels[0] for labels in answered]


def _all(texts: Iterable[Text]) -> list[Text]:
    if isinstance(texts, str | bytes):
        raise TypeError(f"a student answers a list of texts, but got one: [{texts!r}] asks for one text")
    # A table is iterated over the names of its columns, a dict over its keys, a set in any order.
    is_row = getattr(texts, "ndim", 1) == 1 and not hasattr(texts, "columns")
    is_iterable = hasattr(texts, "__iter__") or hasattr(texts, "__getitem__")
    if not (is_row and is_iterable) or isinstance(texts, Mapping | set | frozenset):
        raise TypeError(
            f"a student answers a list, a Series or a generator of texts, but got a {type(texts).__name__}: "
            "pass one column of a table, or list(...) of what holds the texts"
        )
    return list(texts)


def _as_series(texts: Any) -> pd.Series | None:
    pandas = sys.modules.get("pandas")  # Whoever has a Series has imported it.
    return texts if pandas is not None and isinstance(texts, pandas.Series) else None


def load(source: str | Path | Found, uri: str | None = None, threads: int = 1) -> Student:
    """Load a student that answers: from a checkpoint folder, from the result of `search`, or from MLflow's registry.

    - `source` is a folder, a Found, or a name as `distune pull` takes it: `NAME` (its champion), `NAME@ALIAS`,
      `NAME/VERSION`, `runs:/RUN_ID/student`.
    - `uri` is the MLflow store of a name, by default `MLFLOW_TRACKING_URI`, else `sqlite:///mlflow.db`. It is only read,
      and never made.
    - `threads` is the number of threads of the network.

    Raises CheckpointError for a folder or a value that is no checkpoint, and StudyError for an unknown name.

        student = distune.load("my-student")
    """
    _check_threads(threads)
    place = _place_of(source)
    if Path(place).is_dir():
        return Student(place, threads)
    if not isinstance(uri, str | None):
        raise CheckpointError(f"uri must be that of an MLflow store, such as sqlite:///mlflow.db, but got {uri!r}")
    from distune.tuning.study.tracking_config import TrackingConfig
    from distune.tuning.tracking.pulling import pull

    with tempfile.TemporaryDirectory() as scratch:
        store = uri or TrackingConfig().store
        return Student(pull(store, place, Path(scratch) / "student"), threads)


def _place_of(source: Any) -> str:
    search = sys.modules.get("distune._search")  # Whoever has a Found has imported it.
    if search is not None and isinstance(source, search.Found):
        return str(source.champion)
    if not isinstance(source, str | Path) or not str(source):
        raise CheckpointError(
            f"a student comes from a checkpoint folder, what a search found, or a name of the registry, but got {source!r}"
        )
    return str(source)


def _check_threads(threads: Any) -> None:
    if type(threads) is not int or not 1 <= threads <= MAX_THREADS:
        raise CheckpointError(f"threads must be a whole number from 1 to {MAX_THREADS}, but got {threads!r}")
