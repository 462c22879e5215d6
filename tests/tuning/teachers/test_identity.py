"""Is it still the same? Content decides: swapped weights, tokenizers, settings, labels, vectors and dictionaries are others."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.corpus import load_corpus
from distune.corpora.files import FileConfig
from distune.tuning.search.reading import distinct_inputs
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.teachers.identity import checkpoint_identity, rows_identity, trial_files
from distune.tuning.teachers.locating import locate


@pytest.fixture
def checkpoint(tmp_path: Path, teacher_folder: Path) -> Path:
    folder = tmp_path / "checkpoint"
    shutil.copytree(teacher_folder, folder)
    return folder


def written_as_before(file: Path, content: bytes) -> None:
    """Another content of the same size, with the times of the old one."""
    before = file.stat()
    assert len(content) == before.st_size
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors",
        "tokenizer.json",
        "config.json",
        "tokenizer_config.json",
        "pytorch_model.bin",
        "vocab.txt",
        "merges.txt",
        "spiece.model",
        "added_tokens.json",
        "model-00001-of-00002.safetensors",
        "model.safetensors.index.json",
        "member-0/config.json",
    ],
)
def test_every_file_that_may_change_an_answer_counts_by_its_content(checkpoint: Path, name: str) -> None:
    file = checkpoint / name
    file.parent.mkdir(exist_ok=True)
    if not file.is_file():
        file.write_bytes(b"{}")
    first = checkpoint_identity(str(checkpoint), None)
    written_as_before(file, file.read_bytes()[:-1] + b"?")
    assert checkpoint_identity(str(checkpoint), None) != first


def test_what_a_training_leaves_behind_does_not_count_nor_where_the_folder_lies(
    checkpoint: Path, tmp_path: Path
) -> None:
    first = checkpoint_identity(str(checkpoint), None)
    for name in (
        "README.md",
        "optimizer.pt",
        "trainer_state.json",
        "rng_state_0.pth",
        ".gitattributes",
        "runs/events",
        "checkpoint-9/x",
    ):
        (checkpoint / name).parent.mkdir(exist_ok=True)
        (checkpoint / name).write_text("x")
    assert checkpoint_identity(str(checkpoint), None) == first
    assert checkpoint_identity(str(shutil.move(checkpoint, tmp_path / "moved")), None) == first


def test_links_are_followed_as_the_cache_of_a_hub_has_them(checkpoint: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for file in checkpoint.iterdir():
        (snapshot / file.name).symlink_to(file)
    first = checkpoint_identity(str(snapshot), None)
    assert first == checkpoint_identity(str(checkpoint), None)
    ensemble = tmp_path / "ensemble"
    ensemble.mkdir()
    (ensemble / "member-0").symlink_to(checkpoint)
    (checkpoint / "loop").symlink_to(checkpoint)
    of_ensemble = checkpoint_identity(str(ensemble), None)
    (checkpoint / "model.safetensors").write_bytes(b"other")
    assert checkpoint_identity(str(snapshot), None) != first
    assert checkpoint_identity(str(ensemble), None) != of_ensemble


def test_an_adapter_is_known_by_what_it_adapts_too(checkpoint: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(checkpoint)}))
    first = checkpoint_identity(str(adapter), None)
    (checkpoint / "model.safetensors").write_bytes(b"other")
    assert checkpoint_identity(str(adapter), None) != first


def test_the_rows_of_a_file_count_not_its_name_or_size(tmp_path: Path) -> None:
    file = FileConfig(path=tmp_path / "a.csv")
    Path(file.path).write_text("text,label\n好,1\n差,0\n", encoding="utf-8")
    first = rows_identity(file, True)
    moved = FileConfig(path=tmp_path / "b.tsv")
    Path(moved.path).write_text("label\ttext\n1\t好\n0\t差\n", encoding="utf-8")
    assert rows_identity(moved, True) == first
    written_as_before(Path(file.path), "text,label\n好,0\n差,1\n".encode())
    assert rows_identity(file, True) != first
    assert rows_identity(file, False) == rows_identity(moved, False)
    assert rows_identity(FileConfig(path=file.path, rename={"0": "1", "1": "0"}), True) == first


def teacher(document: dict[str, Any], number: int = 0) -> str:
    study = Study(document)
    return locate(study.config, load_corpus(study.config.corpus))[number].key.teacher


TAUGHT = {"epochs": 1, "max_length": 16}


@pytest.mark.parametrize(
    "settings",
    [
        {"from_scratch": {"layers": 1, "hidden_size": 16, "heads": 2}, **TAUGHT},
        {"students": {"trials": 2, "members": 1}},
    ],
)
def test_corrected_labels_make_another_teacher(
    document: dict[str, Any], tmp_path: Path, settings: dict[str, Any]
) -> None:
    corpus = load_corpus(Study(document).config.corpus)
    document["teacher"] = settings
    more, source = tmp_path / "more.csv", tmp_path / "corpus.csv"
    shutil.copyfile(document["corpus"]["source"], source)
    document["corpus"] |= {"source": str(source), "labelled": None}
    more.write_text("text,label\n手机很好用,1\n屏幕差得很,0\n", encoding="utf-8")
    document["teacher_data"] = {"labelled": [{"path": str(more)}]}
    found = [teacher(document)]
    written_as_before(more, "text,label\n手机很好用,0\n屏幕差得很,1\n".encode())
    found.append(teacher(document))
    for text in (
        corpus.train.texts[0],
        corpus.dev.texts[0],
    ):  # It learns from train, and the best of it is chosen on dev.
        line = f'"{text}",'
        before = source.read_text(encoding="utf-8")
        label = before.partition(line)[2][0]
        written_as_before(source, before.replace(f"{line}{label}", f"{line}{1 - int(label)}").encode())
        found.append(teacher(document))
    assert len(set(found)) == 4


def test_a_teacher_that_is_taken_as_it_is_is_the_same_on_corrected_labels(
    document: dict[str, Any], tmp_path: Path
) -> None:
    source = tmp_path / "corpus.csv"
    lines = Path(document["corpus"]["source"]).read_text(encoding="utf-8").splitlines()
    document["corpus"] = {"source": str(source), "dev_fraction": 0.2, "test_fraction": 0.2}
    source.write_text("\n".join(lines), encoding="utf-8")
    first, one = teacher(document), load_corpus(Study(document).config.corpus)
    flipped = [line[:-1] + str(1 - int(line[-1])) for line in lines[1:]]
    source.write_text("\n".join([lines[0], *flipped]), encoding="utf-8")
    other = load_corpus(Study(document).config.corpus)
    assert (teacher(document), other.fingerprint) == (first, one.fingerprint)
    assert other.answers_fingerprint != one.answers_fingerprint
    assert other.train_fingerprint != one.train_fingerprint


def files(document: dict[str, Any]) -> dict[str, Any]:
    return trial_files(distinct_inputs(Study(document)), "t")


def test_the_files_of_a_trial_count_by_their_content(
    document: dict[str, Any], tmp_path: Path, checkpoint: Path
) -> None:
    assert files(document) == {}
    words, vectors = tmp_path / "words.txt", tmp_path / "vectors.txt"
    words.write_text("好用 9\n", encoding="utf-8")
    vectors.write_text("1 8\n好 1 2 3 4 5 6 7 8\n", encoding="utf-8")
    document["trial"]["tokens"] = [
        {"kind": "words", "dictionary": str(words)},
        {"kind": "wordpiece"},
        {"kind": "wordpiece", "checkpoint": str(checkpoint)},
    ][:2]
    document["trial"]["vectors"] = {"kind": "file", "path": str(vectors), "dimension": 8}
    first = files(document)
    assert set(first) == {f"tokens.dictionary={words}", "tokens of the first teacher", f"vectors.path={vectors}"}
    written_as_before(words, "好用 8\n".encode())
    second = files(document)
    written_as_before(vectors, "1 8\n好 1 2 3 4 5 6 7 9\n".encode())
    third = files(document)
    document["trial"]["tokens"] = {"kind": "wordpiece", "checkpoint": str(checkpoint)}
    fourth = files(document)
    (checkpoint / "tokenizer.json").write_text("{}")
    assert [first == second, second == third, fourth == files(document)] == [False] * 3
    words.unlink()
    document["trial"]["tokens"] = {"kind": "words", "dictionary": str(words)}
    with pytest.raises(StudyError, match=r"tokens\.dictionary: no such file: .*words.txt"):
        files(document)


def test_students_that_are_a_teacher_are_known_by_the_content_of_their_files(
    document: dict[str, Any], tmp_path: Path
) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("1 8\n好 1 2 3 4 5 6 7 8\n", encoding="utf-8")
    document["trial"]["vectors"] = {"kind": "file", "path": str(vectors), "dimension": 8}
    document["teacher"] = {"students": {"trials": 2, "members": 1}}
    first = teacher(document)
    written_as_before(vectors, "1 8\n好 1 2 3 4 5 6 7 9\n".encode())
    assert teacher(document) != first
