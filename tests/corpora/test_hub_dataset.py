from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import huggingface_hub
import pyarrow as pa
import pytest
from pydantic import ValidationError

from distune.corpora import hub_dataset
from distune.corpora.corpus import load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.logits_file import read_logits_file
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError

NAME, COMMIT = "hf://datasets/owner/name", "0123abcd" * 5
FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
}


class FakeRows:
    """The few methods of a `datasets.Dataset` that are called."""

    def __init__(self, table: pa.Table) -> None:
        self.table, self.column_names = table, table.column_names
        self.cache_files: list[dict[str, str]] = []
        self.features = SimpleNamespace(to_dict=lambda: FEATURES)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def select_columns(self, names: list[str]) -> FakeRows:
        return FakeRows(self.table.select(names))

    def with_format(self, kind: str) -> Sequence[Any]:
        assert kind == "arrow"
        return self.table  # type: ignore[no-any-return]


def rows_of(n: int, begin: int = 0, label: int | None = None) -> FakeRows:
    numbers = range(begin, begin + n)
    return FakeRows(
        pa.table(
            {"text": [f"text {i}" for i in numbers], "label": [i % 2 if label is None else label for i in numbers]}
        )
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is asked of a package `datasets` and a hub that have one data set of three splits."""
    calls: list[tuple[Any, ...]] = []
    splits = {"train": rows_of(20), "validation": rows_of(10, 20), "test": rows_of(10, 30)}

    def load(name: str, config: str | None, revision: str) -> Mapping[str, FakeRows]:
        calls.append((name, config, revision))
        if name != "owner/name":
            raise RuntimeError(f"Dataset {name}\ndoes not exist")
        return splits

    def resolve(name: str, repo_type: str, revision: str | None) -> SimpleNamespace:
        assert repo_type == "dataset"
        if revision == "none":
            raise OSError("no such revision")
        return SimpleNamespace(resolved=COMMIT)

    package = ModuleType("datasets")
    package.__dict__.update(load_dataset=load, disable_progress_bars=lambda: None)
    package.__spec__ = SimpleNamespace(name="datasets", origin="fake")  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "datasets", package)
    monkeypatch.setattr(huggingface_hub, "resolve_revision", resolve)
    hub_dataset._commit_of.cache_clear()
    hub_dataset._loaded.cache_clear()
    return calls


def test_the_splits_of_a_data_set_of_the_hub_are_source_dev_and_test(asked: list[tuple[Any, ...]]) -> None:
    corpus = load_corpus(CorpusConfig(source=NAME))
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (20, 10, 10)
    assert corpus.notes[:2] == (
        f"{NAME}: has the 3 splits train, validation, test; train as the source, validation as dev, test as test",
        f"{NAME}@{COMMIT}#train: 20 rows of the hub's commit {COMMIT}",
    )
    assert (corpus.labels, corpus.source) == (("neg", "pos"), f"{NAME}@{COMMIT}#train")
    assert set(asked) == {("owner/name", None, COMMIT)}


def test_one_split_of_a_configuration_at_a_revision_is_named_by_its_address(asked: list[tuple[Any, ...]]) -> None:
    path = f"{NAME}/zh@refs/convert/parquet#test"
    assert read_rows(FileConfig(path=path))[0] == Row("text 30", "neg")
    assert asked == [("owner/name", "zh", COMMIT)]
    drawn = load_corpus(CorpusConfig(source=f"{NAME}#train", test=f"{NAME}#test"))
    assert (drawn.drawn, len(drawn.test)) == (("dev",), 10)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (NAME, rf"the data set has several splits; name one of {NAME}@{COMMIT}#train, .*#validation, .*#test$"),
        (f"{NAME}#dev", r"the data set has no split 'dev'; name one of"),
        (f"{NAME}@none#test", r"cannot be read from the hub: no such revision"),
        ("hf://datasets/owner/other#test", r"cannot be read from the hub: Dataset owner/other does not exist$"),
        (
            "hf://owner/name",
            r"a data set of the hub is named hf://datasets/OWNER/NAME, then /CONFIG, @REVISION or #SPLIT",
        ),
        ("hf://owner/name", r"where needed; is it hf://datasets/owner/name\?$"),
        ("hf://dataset/owner/name#train", r"; is it hf://datasets/owner/name#train\?$"),
        (f"{NAME}:train", rf"; is it {NAME}#train\?$"),
        (f"{NAME}/", rf"; is it {NAME}\?$"),
        ("hf://models/owner/name", r"where needed$"),
        ("hf://datasets/", r"where needed$"),
        (
            f"{NAME}/data/train-0.parquet",
            r"; train-0\.parquet is a file in it, and a study names the data set and not its",
        ),
        (f"{NAME}/train.csv", r"where needed; train\.csv is a file in it"),
        (f"{NAME}/train.jsonl.gz", r"where needed; train\.jsonl\.gz is a file in it"),
    ],
)
def test_what_the_hub_does_not_have_is_told_in_one_line(asked: list[tuple[Any, ...]], path: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(FileConfig(path=path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "said", "message"),
    [
        (
            NAME,
            "Config name is missing.\nPlease pick one among the available configs: ['en', 'zh']\nExample of usage:\n\t`load_dataset('a', 'en')`",
            f"{NAME}: it has several configurations; name one of en, zh, such as {NAME}/en",
        ),
        (
            f"{NAME}/fr",
            "BuilderConfig 'fr' not found. Available: ['en', 'zh']",
            f"{NAME}/fr: there is no configuration 'fr'; name one of en, zh, such as {NAME}/en",
        ),
    ],
)
def test_configurations_are_named_as_a_study_names_them(
    asked: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, path: str, said: str, message: str
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ValueError(said)

    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", fails)
    with pytest.raises(CorpusError) as caught:
        load_corpus(CorpusConfig(source=path))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "path", ["https://huggingface.co/datasets/owner/name", "HF://datasets/owner/name", "hf:/datasets/owner/name"]
)
def test_other_addresses_of_the_hub_are_refused_with_the_form_that_a_study_takes(path: str) -> None:
    with pytest.raises(
        ValidationError, match=r"must name a data set of the Hugging Face hub as hf://datasets/OWNER/NAME"
    ):
        CorpusConfig(source=path)


def test_logits_may_be_a_data_set_of_the_hub(asked: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = FakeRows(pa.table({"text": ["a", "b"], "logits": [[1.0, 2.0], [3.0, 4.0]]}))
    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", lambda *_, **__: {"train": rows})
    assert read_logits_file(f"{NAME}#train", ("neg", "pos")).of(["b"]).logits.tolist() == [[3.0, 4.0]]
    with pytest.raises(CorpusError, match=r"is it hf://datasets/owner/name\?"):
        read_logits_file("hf://owner/name", ("neg", "pos"))


def test_another_commit_that_the_package_has_kept_is_not_taken(
    asked: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(4)
    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", lambda *_, **__: {"train": rows})
    rows.cache_files = [{"filename": f"/home/default/0.0.0/{COMMIT}/name-train.arrow"}]
    assert len(read_rows(FileConfig(path=f"{NAME}#train"))) == 4
    hub_dataset._loaded.cache_clear()
    rows.cache_files = [{"filename": f"/home/default/0.0.0/{'c' * 40}/name-train.arrow"}]
    with pytest.raises(
        CorpusError, match=rf"#train: this commit cannot be reached, .* has kept is the commit {'c' * 40};"
    ):
        read_rows(FileConfig(path=f"{NAME}#train"))


def test_without_the_package_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CorpusError, match=r"read by the package datasets: pip install 'distune\[datasets\]'$"):
        load_corpus(CorpusConfig(source=NAME))


def test_a_column_is_read_in_the_order_of_the_split(asked: list[tuple[Any, ...]], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,neg\n", encoding="utf-8")
    with pytest.raises(
        CorpusError, match=r"must have one format, but got .*#test \(a data set\) and .*a\.csv \(CSV or TSV\)"
    ):
        read_rows(FileConfig(path=[f"{NAME}#test", str(tmp_path / "a.csv")]))
    several = read_rows(FileConfig(path=[f"{NAME}#test", f"{NAME}#train"]))
    assert [row.text for row in several[9:11]] == ["text 39", "text 0"]
