from __future__ import annotations

from pathlib import Path

import pytest

from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.files import FileConfig
from distune.corpora.teacher_data import TeacherDataConfig, load_teacher_data
from distune.corpora.texts import CorpusError


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    for name, rows in (("train", "t1,0\nt2,1\n"), ("dev", "Ｄ 1,0\n"), ("test", "e1,1\n"), ("more", "u1,\n")):
        (tmp_path / f"{name}.csv").write_text("text,label\n" + rows, encoding="utf-8")
    paths = {name: str(tmp_path / f"{name}.csv") for name in ("dev", "test")}
    return load_corpus(CorpusConfig.model_validate({"source": str(tmp_path / "train.csv"), **paths}))


def file(tmp_path: Path, content: str, **settings: object) -> FileConfig:
    path = tmp_path / f"extra-{len(list(tmp_path.iterdir()))}.csv"
    path.write_text(content, encoding="utf-8")
    return FileConfig.model_validate({"path": path, **settings})


def test_a_teacher_never_sees_what_stands_in_dev_or_test(corpus: Corpus, tmp_path: Path) -> None:
    labelled = file(tmp_path, "text,label\nd1,1\nE1,0\nx1,1\nt1,1\nx1,0\n")
    plain = file(tmp_path, "text\nd 1\nx2\nx1\n")
    data = load_teacher_data(TeacherDataConfig(labelled=(labelled,), unlabelled=(plain,)), corpus)
    assert dict(zip(data.train.texts, data.train.labels.tolist(), strict=True)) == {
        "t1": 0,
        "t2": 1,
        "x1": 0,
    }  # A tie: the smaller.
    assert set(data.pretraining_texts) == {"t1", "t2", "x1", "x2"}
    assert data.n_removed == 3
    assert data.notes[-1] == "teacher_data: 3 rows of the files left out, as dev or test has the text"


def test_labels_of_another_spelling_are_renamed(corpus: Corpus, tmp_path: Path) -> None:
    labelled = file(tmp_path, "text,label\nx,good\n", rename={"good": "1"})
    assert load_teacher_data(TeacherDataConfig(labelled=(labelled,)), corpus).train.labels[-1] == 1


def test_a_label_that_the_corpus_does_not_have_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    labelled = file(tmp_path, "text,label\nx,good\n")
    with pytest.raises(CorpusError, match="unknown label 'good'; the corpus has 0, 1; `rename:` maps one to the other"):
        load_teacher_data(TeacherDataConfig(labelled=(labelled,)), corpus)
