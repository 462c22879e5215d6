"""A folder that lacks something, or has changed since it was saved, is refused in a line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distune.corpora.encoding import TokensError, load_encoder
from distune.models.checkpoint import load_checkpoint
from distune.models.checkpoint_folder import SUMS, CheckpointError, check_folder
from distune.models.compression.apply import compress
from distune.models.compression.config import TrimVocabularyConfig
from distune.models.compression.trained import CalibrationData, Trained
from distune.models.errors import ModelError
from distune.models.predictor import Predictor
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student, student_of


def test_a_folder_that_lacks_a_file_is_refused(folder: Path) -> None:
    (folder / "labels.json").unlink()
    with pytest.raises(CheckpointError, match=r"is no checkpoint folder: it lacks labels\.json"):
        load_checkpoint(folder)


def test_a_vocabulary_that_does_not_fit_the_weights_is_refused(folder: Path) -> None:
    (folder / "vocabulary.txt").write_text("[PAD]\n[UNK]\n")
    with pytest.raises(CheckpointError, match="has 2 tokens, but the student was made with 7"):
        load_checkpoint(folder)
    # One of before its size was kept, and before checksums.
    (folder / SUMS).unlink()
    settings = json.loads((folder / "config.json").read_text())
    del settings["vocabulary_size"]
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="the weights do not fit"):
        load_checkpoint(folder)


DAMAGED = {
    "model.onnx": (b"no graph", "model.onnx cannot be opened"),
    "config.json": (b'{"student": ', "config.json is damaged"),
    "labels.json": (b'["bad"]', "labels.json has 1 names, but model.onnx answers for 2 classes"),
    "vocabulary.txt": (b"[PAD]\n[UNK]\n", "vocabulary.txt has 2 tokens, but the student was made with 7"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_folder_of_before_checksums_is_refused_in_a_line(folder: Path, name: str) -> None:
    content, said = DAMAGED[name]
    (folder / SUMS).unlink()
    (folder / name).write_bytes(content)
    done = subprocess.run([sys.executable, folder], input=b"x\n", capture_output=True, check=False)
    assert done.stdout == b""
    assert said in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 1
    assert done.returncode == 1


def lines_of_sums(folder: Path) -> list[str]:
    return (folder / SUMS).read_text().splitlines()


def test_the_checksums_are_those_of_all_files_but_the_card(folder: Path) -> None:
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {line[66:] for line in lines_of_sums(folder)} == files - {SUMS, "README.md"}
    checked = subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder, capture_output=True, check=False)
    assert checked.returncode == 0


def test_an_edited_card_is_no_damage(folder: Path) -> None:
    (folder / "README.md").write_text("# mine\n")
    load_checkpoint(folder)
    check_folder(folder)


CHANGED = {
    "config.json": (b'"max_tokens": 9', b'"max_tokens": 8'),
    "labels.json": (b"bad", b"sad"),
    "vocabulary.txt": ("差".encode(), "叉".encode()),
    "model.onnx": (b"token_ids", b"token_idx"),
    "distune_student/encoding/segmenting.py": (b"PADDING, UNKNOWN = 0, 1", b"PADDING, UNKNOWN = 0, 2"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_change_of_a_few_characters_is_refused_by_the_checksum(folder: Path, name: str) -> None:
    before, after = CHANGED[name]
    content = (folder / name).read_bytes()
    assert before in content
    (folder / name).write_bytes(content.replace(before, after))
    line = rf"{re.escape(name)} is not as it was saved, by its checksum in SHA256SUMS; pull or copy the folder again$"
    for read in (check_folder, load_checkpoint):
        with pytest.raises(CheckpointError, match=line):
            read(folder)
    done = subprocess.run([sys.executable, folder], input=b"x\n", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert re.search(line, done.stderr.decode().strip())


def test_changed_weights_are_refused_where_they_are_read_and_answering_needs_none(folder: Path) -> None:
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    check_folder(folder)
    with pytest.raises(CheckpointError, match=r"weights\.safetensors is not as it was saved"):
        load_checkpoint(folder)


@pytest.mark.parametrize("content", ["", "no sum\n", f"{64 * '0'}  ../outside\n", f"{64 * '0'}  config.json\n"])
def test_damaged_checksums_are_refused(folder: Path, content: str) -> None:
    (folder / SUMS).write_text(content)
    with pytest.raises(CheckpointError, match="SHA256SUMS is damaged: it must name each file after its checksum"):
        check_folder(folder)


@pytest.mark.parametrize("name", ["a" * 300, "好" * 100, "/".join(["a"] * 5000)])
def test_checksums_of_names_that_no_file_can_have_are_refused(folder: Path, name: str) -> None:
    with (folder / SUMS).open("a") as file:
        file.write(f"{64 * '0'}  {name}\n")
    with pytest.raises(CheckpointError, match="SHA256SUMS is damaged: it must name each file after its checksum"):
        check_folder(folder)


def without_sums(folder: Path, **settings: object) -> None:
    """A folder as it was before checksums, with other settings of its tokens."""
    (folder / SUMS).unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config["tokens"] |= settings
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"kind": "thoughts"}, r"tokens\.kind is 'thoughts', and this version knows words, .* made by a newer Distune"),
        ({"cut": "by_meaning"}, r"tokens\.cut is 'by_meaning', and this version knows as_spelt, pairs_as_spelt alone"),
        ({"max_tokens": "9"}, r"config\.json is damaged: tokens\.max_tokens is '9'"),
        ({"kind": "words", "segmenter": "numpy", "hmm": True, "user_words": []}, "which is none of jieba, rjieba"),
        (
            {"kind": "words", "segmenter": "jieba", "hmm": True, "user_words": [["好书", -1]]},
            r"config\.json is damaged: tokens\.user_words is \[\['好书', -1\]\]",
        ),
        ({"kind": "words", "segmenter": "x", "hmm": True, "user_words": []}, r"config\.json: .* none of jieba, rjieba"),
    ],
)
def test_settings_that_this_version_does_not_know_are_refused_in_a_line(
    folder: Path, settings: dict[str, object], line: str
) -> None:
    without_sums(folder, **settings)
    with pytest.raises(TokensError, match=line):
        load_encoder(folder)
    done = subprocess.run([sys.executable, folder], input=b"x\n", capture_output=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, b"", 1)


def test_a_vocabulary_of_another_length_than_the_table_is_refused_without_checksums(folder: Path) -> None:
    without_sums(folder)
    config = json.loads((folder / "config.json").read_text())
    vocabulary = (folder / "vocabulary.txt").read_text().split("\n")
    for tokens, line in (
        ([*vocabulary[:-2], ""], "has a table of more rows than the 6 tokens"),
        ([*vocabulary[:-1], "新", ""], "cannot answer .*does not fit vocabulary"),
    ):
        (folder / "vocabulary.txt").write_text("\n".join(tokens), newline="")
        (folder / "config.json").write_text(json.dumps(config | {"vocabulary_size": len(tokens) - 1}))
        check_folder(folder)
        with pytest.raises(CheckpointError, match=line):
            Predictor(folder, load_encoder(folder))


def test_a_trimmed_student_of_before_checksums_opens(tmp_path: Path) -> None:
    config = STUDENTS[0]
    trimmed = compress(
        Trained(student_of(config), config),
        [TrimVocabularyConfig(kind="trim_vocabulary", keep=0.5)],
        CalibrationData([]),
    )
    saved = replace(checkpoint_of(config), trained=trimmed.trained)
    folder = save_student(saved, tmp_path / "s")
    expected = Predictor(folder, load_encoder(folder)).logits(["好书"])
    without_sums(folder)
    np.testing.assert_array_equal(Predictor(folder, load_encoder(folder)).logits(["好书"]), expected)


def test_a_setting_that_torch_does_not_know_is_refused(folder: Path) -> None:
    without_sums(folder)
    config = json.loads((folder / "config.json").read_text())
    for changed, line in (
        ({"dimension": 10**12}, r"config\.json is damaged: dimension: should be less"),
        ({"structure": {"wings": 2}}, "wings is not known; where it was made by a newer Distune"),
        ({"student": {}}, r"config\.json is damaged: student\.kind"),
        (
            {"student": {"kind": "average", "wing" * 500: 2}},
            r"does not fit the class of its student: average\.[wing]{112}: \w",
        ),
    ):
        (folder / "config.json").write_text(json.dumps(config | changed))
        with pytest.raises(ModelError, match=line):
            load_checkpoint(folder)
