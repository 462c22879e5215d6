"""The names of classes that Hugging Face's `datasets` writes into the metadata of Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError

NEG_POS = {"names": ["neg", "pos"], "_type": "ClassLabel"}


def table(folder: Path, labels: Any, features: dict[str, Any]) -> None:
    """Write a.parquet of two texts whose columns have these features."""
    with_metadata(folder, labels, json.dumps({"info": {"features": features}}))


def with_metadata(folder: Path, labels: Any, metadata: str) -> None:
    content = pa.table({"text": ["a", "b"], "label": labels}).replace_schema_metadata({"huggingface": metadata})
    pyarrow.parquet.write_table(content, folder / "a.parquet")


def test_the_names_of_hugging_faces_classes_are_the_labels(tmp_path: Path) -> None:
    table(tmp_path, [1, 0], {"label": NEG_POS})
    notes: list[str] = []
    assert read_rows(FileConfig(path=tmp_path / "a.parquet"), notes=notes) == [Row("a", "pos"), Row("b", "neg")]
    assert notes[1] == "  its labels are named by the file: neg, pos"


@pytest.mark.parametrize("labels", [["pos", "neg"], [1.0, 0.0], pa.array([1, 0], pa.int8())])
def test_names_and_floats_in_place_of_class_numbers_are_the_same_labels(tmp_path: Path, labels: Any) -> None:
    table(tmp_path, labels, {"label": NEG_POS})
    assert read_rows(FileConfig(path=tmp_path / "a.parquet")) == [Row("a", "pos"), Row("b", "neg")]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, -1], r"1 row has no 'label', such as row 2, 'b'"),
        ([1.0, None], r"1 row has no 'label', such as row 2, 'b'"),
        ([1, 2], r"the label of row 2 is 2, but the file names 2 classes"),
        (["pos", "other"], r"the label of row 2 is other, but the file names 2 classes"),
        ([1.0, 0.5], r"the label of row 2 is 0\.5, but the file names 2 classes"),
    ],
)
def test_class_numbers_that_have_no_name_are_refused(tmp_path: Path, labels: list[Any], message: str) -> None:
    table(tmp_path, labels, {"label": NEG_POS})
    with pytest.raises(CorpusError, match=message):
        read_rows(FileConfig(path=tmp_path / "a.parquet"))


@pytest.mark.parametrize(
    ("kind", "feature", "label"),
    [
        (pa.list_(pa.int64()), lambda names: {"label": {"feature": names, "_type": "Sequence"}}, "label"),
        (pa.list_(pa.int64()), lambda names: {"label": {"feature": names, "_type": "List"}}, "label"),
        (pa.list_(pa.int64()), lambda names: {"label": [names]}, "label"),
        (pa.list_(pa.int64()), lambda names: {"label": {"feature": names, "_type": "List"}}, "label.0"),
        (pa.int64(), lambda names: {"label": {"of": names}}, "label.of"),
        (pa.list_(pa.int64()), lambda names: {"label": {"of": {"feature": names, "_type": "List"}}}, "label.of"),
    ],
)
def test_nested_classes_of_hugging_face_are_labels_by_their_names(
    tmp_path: Path, kind: pa.DataType, feature: Any, label: str
) -> None:
    values: list[Any] = [[1], [0]] if pa.types.is_list(kind) else [1, 0]
    if label == "label.of":
        kind, values = pa.struct([("of", kind)]), [{"of": value} for value in values]
    table(tmp_path, pa.array(values, kind), feature(NEG_POS))
    notes: list[str] = []
    config = FileConfig(path=tmp_path / "a.parquet", label=label)
    assert read_rows(config, notes=notes) == [Row("a", "pos"), Row("b", "neg")]
    assert notes[1] == "  its labels are named by the file: neg, pos"


def test_several_classes_of_hugging_face_in_a_cell_are_refused(tmp_path: Path) -> None:
    table(tmp_path, [[1], [0, 1]], {"label": {"feature": NEG_POS, "_type": "Sequence"}})
    with pytest.raises(CorpusError, match=r"row 2 has 2 labels \(\[0, 1\]\); set corpus.multi_label: true"):
        read_rows(FileConfig(path=tmp_path / "a.parquet"))


@pytest.mark.parametrize(
    "metadata", ['{"info": {"features', "{}", '{"info": {"features": {"label": {"names": 5, "_type": "ClassLabel"}}}}']
)
def test_damaged_names_of_classes_in_the_metadata_are_told(tmp_path: Path, metadata: str) -> None:
    with_metadata(tmp_path, [1, 0], metadata)
    notes: list[str] = []
    assert read_rows(FileConfig(path=tmp_path / "a.parquet"), notes=notes) == [Row("a", "1"), Row("b", "0")]
    assert notes[1] == "  its metadata 'huggingface' are damaged, so that class numbers have no names"
