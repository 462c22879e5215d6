"""`distune init` for files of several labels a text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError
from distune.tuning.study.file import load_study
from distune.tuning.study.first import write_first_study
from tests.making.reviews import reviews

NAMES = ["broken", "late", "lost"]
TEXTS = [text for text, _ in reviews(120)]
SETS = [[name for name, step in zip(NAMES, (3, 2, 5), strict=True) if place % step == 0] for place in range(len(TEXTS))]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def first_of(name: str) -> dict[str, Any]:
    """The corpus of the first study, without its source; its labels are those of all sets."""
    write_first_study(name, Path("study.yaml"))
    study = load_study(Path("study.yaml"))
    assert list(load_corpus(study.config.corpus).labels) == NAMES
    return {key: value for key, value in study.document["corpus"].items() if key != "source"}


def records(labels: list[Any], key: str, **more: Any) -> str:
    lines = [json.dumps({"text": text, key: one, **more}) for text, one in zip(TEXTS, labels, strict=True)]
    Path("a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return "a.jsonl"


@pytest.mark.parametrize("kind", ["bool", "boolean", "category"])
def test_columns_of_truth_values_are_labels(kind: str) -> None:
    table = pd.DataFrame({"text": TEXTS, **{name: [name in one for one in SETS] for name in NAMES}})
    table.astype(dict.fromkeys(NAMES, kind)).to_parquet("a.parquet")
    table.to_csv("a.csv", index=False)
    assert first_of("a.parquet") == {"label_columns": NAMES}
    Path("study.yaml").unlink()
    assert first_of("a.csv") == {"label_columns": NAMES}


def test_all_labels_that_an_annotator_chose_in_prodigy_are_taken() -> None:
    assert first_of(records(SETS, "accept", answer="accept")) == {"label": "accept", "multi_label": True}


def test_objects_of_truth_values_are_labels() -> None:
    cats = [{name: float(name in one) for name in NAMES} for one in SETS]
    assert first_of(records(cats, "cats")) == {"label": "cats", "multi_label": True}


def test_choices_of_label_studio_are_labels_also_next_to_single_ones() -> None:
    choices = [one[0] if len(one) == 1 else {"choices": one} for one in SETS]
    assert first_of(records(choices, "topic")) == {"label": "topic", "multi_label": True}


def test_lists_of_class_numbers_have_the_names_of_the_file() -> None:
    feature = {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "Sequence"}
    numbers = pa.array([[NAMES.index(name) for name in one] for one in SETS], pa.list_(pa.int64()))
    table = pa.table({"text": TEXTS, "labels": numbers})
    metadata = {"huggingface": json.dumps({"info": {"features": {"labels": feature}}})}
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), "a.parquet")
    assert first_of("a.parquet") == {"label": "labels", "multi_label": True}


def test_a_setting_that_init_does_not_take_is_to_be_written_by_hand() -> None:
    table = pd.DataFrame({"data": TEXTS, "label": ["#".join(one) for one in SETS]})
    table.to_csv("a.csv", index=False)
    with pytest.raises(CorpusError, match="`distune init` cannot be given `empty_cell:`: change the file"):
        write_first_study("a.csv", Path("study.yaml"))


def test_labels_in_lines_of_a_cell_are_taken_apart() -> None:
    rows = [(text, "\n".join(one)) for text, one in zip(TEXTS, SETS, strict=True) if one]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv("a.csv", index=False)
    assert first_of("a.csv") == {"separator": "\n"}


def test_lists_of_labels_are_several_labels_a_text() -> None:
    lines = [json.dumps({"text": text, "labels": found}) for text, found in zip(TEXTS, SETS, strict=True)]
    Path("a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    told = write_first_study("a.jsonl", Path("study.yaml"))
    assert "assumed: 'labels' holds the labels of a text, which may have several (corpus.multi_label)" in told
    study = load_study(Path("study.yaml"))
    assert load_corpus(study.config.corpus).labels == ("broken", "late", "lost")
    assert study.config.metric.kind == "micro_f1"
    assert "keeps 97 % of the teacher's micro-F1" in Path("study.yaml").read_text(encoding="utf-8")


def test_joined_labels_are_several_labels_a_text() -> None:
    rows = [[text, "|".join(found)] for text, found in zip(TEXTS, SETS, strict=True) if found]
    pd.DataFrame(rows, columns=["text", "tags"]).to_csv("a.csv", index=False)
    told = write_first_study("a.csv", Path("study.yaml"))
    assert "assumed: 'tags' holds several labels a text, joined by '|' (corpus.separator)" in told
    assert load_corpus(load_study(Path("study.yaml")).config.corpus).labels == ("broken", "late", "lost")


def test_columns_of_0_and_1_are_several_labels_a_text() -> None:
    names = ["late", "broken", "lost"]
    rows = [[text, *(int(name in found) for name in names)] for text, found in zip(TEXTS, SETS, strict=True)]
    pd.DataFrame(rows, columns=["comment_text", *names]).to_csv("a.csv", index=False)
    told = write_first_study("a.csv", Path("study.yaml"))
    assert (
        "assumed: the columns 'late', 'broken', 'lost' of 0 and 1 are labels, several a text (corpus.label_columns)"
        in told
    )
    assert load_corpus(load_study(Path("study.yaml")).config.corpus).labels == ("broken", "late", "lost")


def test_labels_that_end_in_a_line_break_are_not_joined_by_it() -> None:
    lines = [json.dumps({"text": text, "label": f" {label}\n"}) for text, label in reviews(120)]
    Path("a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    write_first_study("a.jsonl", Path("study.yaml"))
    study = load_study(Path("study.yaml"))
    assert "separator" not in study.document["corpus"]
    assert list(load_corpus(study.config.corpus).labels) == ["0", "1"]


def test_a_file_of_chats_is_refused_with_the_paths_that_read_it() -> None:
    turns = [{"role": "user", "content": "good"}, {"role": "assistant", "content": "1"}]
    Path("a.jsonl").write_text(f"{json.dumps({'messages': turns})}\n" * 3, encoding="utf-8")
    said = r"a\.jsonl: has no column of texts; its columns are messages; .* such as `text: messages\.0\.content` and `label: messages\.1\.content`, in a study"
    with pytest.raises(CorpusError, match=said):
        write_first_study("a.jsonl", Path("study.yaml"))
