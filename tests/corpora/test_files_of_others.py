"""Whatever table of texts another program writes is read back as it was, or refused: never read as something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError, content_key, normalise
from tests.making.foreign_writers import LABELS, PIECES, WRITERS, Texts

N_TABLES = 2000


def tables() -> st.SearchStrategy[Texts]:
    """Up to eight rows of texts of the pieces that formats disagree about."""
    cells = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
    return st.lists(st.tuples(cells, st.sampled_from(LABELS)), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.mark.slow
@settings(max_examples=N_TABLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(rows=tables(), writer=st.sampled_from(sorted(WRITERS)))
def test_a_table_of_another_program_is_read_as_it_is_or_refused(folder: Path, rows: Texts, writer: str) -> None:
    path = folder / f"table{writer.rpartition(' ')[2]}"
    WRITERS[writer](rows, path)
    expected = [Row(normalise(text), label) for text, label in rows if content_key(text)]
    try:
        found = read_rows(FileConfig(path=path))
    except CorpusError:
        return
    assert found == expected


@pytest.mark.parametrize("writer", sorted(WRITERS))
def test_no_program_is_refused_texts_that_it_can_write(folder: Path, writer: str) -> None:
    texts = [
        'he said "hi", twice',
        "tab\there",
        "two\nlines",
        '"quoted"',
        "plain",
        '5" screen',
        "逗号，中文",
        "it's",
        "back\\slash",
        '"',
    ]
    rows = [(text, LABELS[number % 2]) for number, text in enumerate(texts)]
    path = folder / f"texts{writer.rpartition(' ')[2]}"
    WRITERS[writer](rows, path)
    assert read_rows(FileConfig(path=path)) == [Row(normalise(text), label) for text, label in rows]
