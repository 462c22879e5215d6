"""The profile of what a student answers: to the texts of files, or as answers that it has already given."""

from __future__ import annotations

import functools
import itertools
import json
import operator
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from distune.corpora.incoming import BLOCK_BYTES, Utf8
from distune.models.answer_lines import texts_as_they_come
from distune.models.answers import Answered
from distune.models.checkpoint_folder import CheckpointError
from distune.models.predictor import Predictor
from distune.models.profile import Profile, profile_of
from distune.tuning.serve.answer_columns import asked_texts
from distune.tuning.serve.flags import with_flags
from distune.tuning.serve.predict import TABLES, ending_of_texts, lines_in, open_source
from distune.tuning.serve.table_input import InputSettings, open_files, text_columns

ANSWERS_AT_ONCE = 1024


def refuse_unused(now: InputSettings, before: InputSettings | None, are_answers: bool) -> None:
    """Raise CheckpointError for settings of tables if no file is one: then a file is taken for another kind."""
    is_table = not are_answers and any(not _are_lines(path) for one in (now, before) if one for path in one.paths)
    given = [field.name for field in fields(now) if field.name != "paths" and getattr(now, field.name) != field.default]
    if given and not is_table:
        raise CheckpointError(f"--{given[0].replace('_', '-')} is for tables, and no file is one")


def _are_lines(path: str) -> bool:
    """Whether a file has a text a line: one of this machine without the ending of a table."""
    return "://" not in path and Path(path).is_file() and ending_of_texts(Path(path)) not in TABLES


def profile_of_texts(predictor: Predictor, source: InputSettings) -> Profile:
    """The profile of the answers to the texts of files: the rows of tables, or lines. No file is stdin.

    Raises CheckpointError, CorpusError and TextError for what cannot be read rightly, and for no text at all.
    """
    are_lines = list(map(_are_lines, source.paths))
    if not all(are_lines):
        if any(are_lines):
            line_file, table = source.paths[are_lines.index(True)], source.paths[are_lines.index(False)]
            raise CheckpointError(f"{line_file} is a text a line, but {table} is a table; watch each by itself")
        parts = _of_tables(predictor, source)
    else:
        sources: Sequence[str | None] = source.paths or [None]
        parts = (part for path in sources for part in _of_lines(predictor, path))
    return _sum(parts, source)


def profile_of_answers(predictor: Predictor, source: InputSettings) -> Profile:
    """The profile of answers that `distune predict` has printed, or a folder's own program, a line each. No file is stdin.

    Whether a text has a known token is all that an answer says of its tokens. Raises CheckpointError for what is no answer
    of this student.
    """
    return _sum((part for path in source.paths or [None] for part in _of_answers(predictor, path)), source)


def _sum(parts: Iterable[Profile], source: InputSettings) -> Profile:
    found = [part for part in parts if part.n_texts]
    if not found:
        raise CheckpointError(f"{', '.join(source.paths) or 'stdin'} has no text; give the texts that it should watch")
    return functools.reduce(operator.add, found)


def _of_lines(predictor: Predictor, path: str | None) -> Iterator[Profile]:
    with open_source(path) as source:
        lines = lines_in(source, path or "stdin", predictor.is_of_pairs)
        for texts, fault in texts_as_they_come(lines, predictor.is_of_pairs):
            yield profile_of(predictor.answered(texts))
            if fault is not None:
                raise fault


def _of_tables(predictor: Predictor, source: InputSettings) -> Iterator[Profile]:
    columns, n_missing = text_columns(predictor, source), 0
    with with_flags():
        files, notes = open_files(predictor, source)
        for note in notes:
            print(note, file=sys.stderr)
        for file in files:
            for block in file.blocks():
                rows = block.read()
                file.check(rows.manner, block)
                for note in rows.notes:
                    print(f"{file.name}: {note}", file=sys.stderr)
                texts, has_text = asked_texts(rows, *columns)
                n_missing += len(has_text) - len(texts)
                yield profile_of(predictor.answered(texts))
    if n_missing:
        print(f"rows without a text, which do not count: {n_missing:,}", file=sys.stderr)


def _of_answers(predictor: Predictor, path: str | None) -> Iterator[Profile]:
    name = path or "stdin"
    with open_source(path) as source:
        numbered = ((n, line) for n, line in enumerate(_lines(Utf8(source, name)), 1) if line.strip())
        while some := list(itertools.islice(numbered, ANSWERS_AT_ONCE)):
            rows = [_answer(predictor, line, f"{name}, line {n}") for n, line in some]
            yield profile_of(Answered(*map(np.array, zip(*rows, strict=True))))


def _lines(source: Utf8) -> Iterator[bytes]:
    rest = b""
    while block := source.read1(BLOCK_BYTES):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    yield rest


def _answer(predictor: Predictor, line: bytes, where: str) -> tuple[Any, list[float], float]:
    """The class of an answer, or 1 for each of its labels; its probabilities; and the share of unknown tokens, 0 or 1."""
    labels = predictor.labels
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{where} is not JSON ({error}); --answers takes what distune predict prints") from error
    key = "labels" if predictor.is_multi_label else "label"
    if not isinstance(answer, dict) or not {key, "probabilities", "has_known_token"} <= answer.keys():
        raise CheckpointError(
            f"{where} must be an answer with {key}, probabilities and has_known_token, as distune predict prints it, but got {line.decode():.200}"
        )
    given, probabilities, is_known = answer[key], answer["probabilities"], answer["has_known_token"]
    named = given if isinstance(given, list) else [given]
    is_of_student = (
        isinstance(probabilities, dict) and {*probabilities} == {*labels} and all(one in labels for one in named)
    )
    if not is_of_student or isinstance(given, list) != predictor.is_multi_label:
        raise CheckpointError(
            f"{where} is an answer of another student: this one has the labels {', '.join(labels):.200}"
        )
    row = [probabilities[label] for label in labels]
    are_numbers = all(isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 1 for one in row)
    if not are_numbers or not isinstance(is_known, bool):
        raise CheckpointError(f"{where}: probabilities must be numbers from 0 to 1, and has_known_token true or false")
    answered = [int(label in given) for label in labels] if predictor.is_multi_label else labels.index(given)
    return answered, row, float(not is_known)
