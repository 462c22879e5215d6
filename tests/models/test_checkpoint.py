"""One contract for every student family: what a checkpoint folder answers is what the student answered."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distune.corpora import encoding
from distune.corpora.encoding import TokensError, load_encoder
from distune.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from distune.models.compression.apply import compress
from distune.models.compression.config import HalfConfig, LowRankConfig, TrimVocabularyConfig
from distune.models.compression.int8 import quantize_graph
from distune.models.compression.trained import CalibrationData, Trained
from distune.models.errors import ModelError
from distune.models.onnx_export import export_onnx
from distune.models.predictor import (
    BATCH_SIZE,
    FILES,
    SUMS,
    UNKNOWN,
    CheckpointError,
    Predictor,
    TextError,
    answer_lines,
    check_folder,
    open_session,
    run_network,
)
from distune.models.students.config import AnyStudentConfig, AverageConfig, BiLSTMConfig
from distune.models.students.student import student_logits
from tests.conftest import STUDENTS, same_answers, student_name
from tests.making.checkpoints import VOCABULARY, checkpoint_of, student_of

ROWS = [[2], [2, 3, 4, 5, 1], [3, 3], [5, 4, 3, 2, 2, 2, 2, 2, 2, 2, 6]]


@pytest.fixture(params=STUDENTS, ids=student_name)
def config(request: pytest.FixtureRequest) -> AnyStudentConfig:
    value: AnyStudentConfig = request.param
    return value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_checkpoint(checkpoint_of(STUDENTS[0]), tmp_path / "student", "# card\n", Path(encoding.__file__))


def test_onnx_answers_as_torch_does_in_any_batch_and_length(config: AnyStudentConfig) -> None:
    student = student_of(config)
    expected = student_logits(student, [np.array(row) for row in ROWS])
    session = open_session(export_onnx(student))
    np.testing.assert_allclose(run_network(session, ROWS), expected, atol=1e-5)
    alone = np.concatenate([run_network(session, [row]) for row in ROWS])
    np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_export_leaves_the_student_as_it_was(config: AnyStudentConfig) -> None:
    student = student_of(config).train()
    export_onnx(student)
    assert student.training


def test_a_student_is_read_back_exactly(config: AnyStudentConfig, tmp_path: Path) -> None:
    saved = checkpoint_of(config)
    read = load_checkpoint(save_checkpoint(saved, tmp_path / "s", "", Path(encoding.__file__)))
    assert (read.trained.config, read.tokens, tuple(read.vocabulary), tuple(read.labels)) == (
        saved.trained.config,
        saved.tokens,
        VOCABULARY,
        ("bad", "good"),
    )
    rows = [np.array(row) for row in ROWS]
    np.testing.assert_array_equal(
        student_logits(read.trained.student, rows), student_logits(saved.trained.student, rows)
    )
    assert not read.trained.student.training


def test_a_folder_holds_what_the_design_says_and_no_pickle(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*FILES, SUMS, "__main__.py", "distune_student"}
    for path in folder.rglob("*.*"):
        assert not path.read_bytes().startswith((b"\x80\x04", b"\x80\x02", b"PK")), path.name


def test_saving_over_a_folder_replaces_it_whole(folder: Path) -> None:
    (folder / "leftover").write_text("x")
    save_checkpoint(checkpoint_of(STUDENTS[0]), folder, "# new\n", Path(encoding.__file__))
    assert not (folder / "leftover").exists()
    assert (folder / "README.md").read_text() == "# new\n"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_finds_no_room_is_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name for path in folder.parent.iterdir()}

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("distune.models.checkpoint.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(checkpoint_of(STUDENTS[1]), folder, "# Another\n", Path(encoding.__file__))
    assert {path.name for path in folder.parent.iterdir()} == before
    assert (folder / "weights.safetensors").is_file()


def test_a_predictor_gives_labels_and_probabilities(folder: Path) -> None:
    predictor = Predictor(folder, load_encoder(folder))
    logits = predictor.logits(["好书", "差"])
    answers = list(predictor.answers(["好书", "差"]))
    for row, answer in zip(logits, answers, strict=True):
        good = 1 / (1 + np.exp(row[0] - row[1]))
        assert answer["probabilities"]["good"] == pytest.approx(good, abs=1e-5)
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert answer["label"] == ("good" if good > 0.5 else "bad")
    assert predictor.label("好书") == answers[0]["label"]


def test_many_texts_of_any_lengths_are_answered_in_their_order(folder: Path) -> None:
    predictor = Predictor(folder, load_encoder(folder))
    rng = random.Random(0)
    texts = ["".join(rng.choices("好书差酒店", k=rng.randint(1, 9))) for _ in range(3 * BATCH_SIZE + 1)]
    alone = np.concatenate([predictor.logits([text]) for text in texts])
    assert len(np.unique(alone.round(4), axis=0)) > BATCH_SIZE
    np.testing.assert_allclose(predictor.logits(texts), alone, atol=1e-5)
    assert predictor.logits([]).shape == (0, alone.shape[1])


def test_an_empty_text_is_answered(folder: Path) -> None:
    assert len(list(Predictor(folder, load_encoder(folder)).answers(["", " "]))) == 2


def test_a_text_in_which_the_vocabulary_knows_no_token_is_marked(folder: Path) -> None:
    assert UNKNOWN == encoding.UNKNOWN
    predictor = Predictor(folder, load_encoder(folder))
    texts = ["好", "xyz 好", "xyz", "", "\ud83d", "\u200b"]
    assert [answer["has_known_token"] for answer in predictor.answers(texts)] == [True, True] + [False] * 4
    assert [next(predictor.answers([text]))["has_known_token"] for text in texts[1:3]] == [True, False]


def test_what_is_cut_off_makes_no_text_known(folder: Path) -> None:
    predictor = Predictor(folder, load_encoder(folder))  # It reads nine characters.
    assert [answer["has_known_token"] for answer in predictor.answers(["x" * 9 + "好", "x" * 8 + "好"])] == [
        False,
        True,
    ]


def test_the_folder_answers_without_this_project_torch_ray_mlflow_and_transformers(folder: Path) -> None:
    texts = ["好书", "差酒店", ""]
    blocked = ("torch", "ray", "mlflow", "transformers", "optuna", "pydantic", "distune")
    program = f"""
import sys, runpy
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Wall())
runpy.run_path({str(folder)!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], input="\n".join(texts) + "\n", text=True, capture_output=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert same_answers(answers, list(Predictor(folder, load_encoder(folder)).answers(texts)))


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


def test_a_compressed_student_is_read_back_exactly_and_answers_as_its_graph(tmp_path: Path) -> None:
    config = BiLSTMConfig(kind="bilstm", hidden_size=8)
    compressed = compress(
        Trained(student_of(config), config),
        [LowRankConfig(kind="low_rank", rank=2), HalfConfig(kind="half")],
        CalibrationData([]),
    )
    saved = Checkpoint(
        trained=compressed.trained,
        tokens={"kind": "characters", "max_tokens": 9},
        vocabulary=VOCABULARY,
        dimension=4,
        labels=("bad", "good"),
    )
    folder = save_checkpoint(saved, tmp_path / "s", "", Path(encoding.__file__))
    read = load_checkpoint(folder)
    assert read.trained.structure == compressed.trained.structure
    rows = [np.array(row) for row in ROWS]
    expected = student_logits(compressed.trained.student, rows)
    np.testing.assert_array_equal(student_logits(read.trained.student, rows), expected)
    np.testing.assert_allclose(run_network(open_session(str(folder / "model.onnx")), ROWS), expected, atol=1e-4)


def texts_of_all_lengths() -> list[str]:
    return ["好" * (i % 10) + "差书酒店"[: i % 5] for i in range(37)]


def test_an_answer_is_the_same_alone_and_in_any_company(config: AnyStudentConfig, tmp_path: Path) -> None:
    folder = save_checkpoint(checkpoint_of(config), tmp_path / "s", "", Path(encoding.__file__))
    texts = texts_of_all_lengths()
    expected = list(Predictor(folder, load_encoder(folder)).answers(texts))
    for threads in (1, 2):
        predictor = Predictor(folder, load_encoder(folder), threads)
        assert same_answers([next(predictor.answers([text])) for text in texts], expected)
        assert same_answers(list(predictor.answers(texts[::3])), expected[::3])
        assert same_answers(list(predictor.answers(reversed(texts))), expected[::-1])


def test_an_answer_of_dynamic_int8_does_not_depend_on_its_company(tmp_path: Path) -> None:
    saved = checkpoint_of(AverageConfig(kind="average", hidden_layer=16))
    graph = quantize_graph(export_onnx(saved.trained.student))
    folder = save_checkpoint(replace(saved, quantized=graph), tmp_path / "s", "", Path(encoding.__file__))
    predictor, texts = Predictor(folder, load_encoder(folder)), texts_of_all_lengths()
    assert list(predictor.answers(texts)) == [next(predictor.answers([text])) for text in texts]


def test_the_file_that_answers_is_run_by_its_name_in_an_isolated_python_too(folder: Path) -> None:
    program = [sys.executable, "-I", str(folder / "__main__.py")]
    done = subprocess.run(program, input="好书\n".encode(), capture_output=True, check=True)
    assert "label" in json.loads(done.stdout)


def test_lines_are_answered_as_they_come(folder: Path) -> None:
    program = [sys.executable, str(folder)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin
        assert process.stdout
        for text in ("好书", "差", ""):
            process.stdin.write(f"{text}\n".encode())
            assert "label" in json.loads(process.stdout.readline())
        process.stdin.write("好书\n差\n好".encode()[:-1])
        assert [json.loads(process.stdout.readline())["label"] for _ in range(2)]
        process.stdin.write("好".encode()[-1:])
        process.stdin.close()
        assert process.stdout.read().count(b"\n") == 1
    assert process.returncode == 0


class Pieces:
    """A source whose reads bring so many bytes each."""

    def __init__(self, content: bytes, size: int) -> None:
        self.pieces = [content[i : i + size] for i in range(0, len(content), size)]

    def read1(self, size: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_line_is_a_text_wherever_the_reads_end(folder: Path, size: int) -> None:
    predictor, sink, done = Predictor(folder, load_encoder(folder)), io.BytesIO(), []
    content = "\ufeff好书\r\n\n差\u2028酒\r店\n\n书".encode()
    answer_lines(predictor, Pieces(content, size), sink, done.append)  # type: ignore[arg-type]
    expected = predictor.answers(["好书", "", "差\u2028酒\r店", "", "书"])
    assert [json.loads(line) for line in sink.getvalue().decode().split("\n")[:-1]] == list(expected)
    assert sum(done) == 5


def test_a_line_that_is_not_utf_8_is_named(folder: Path) -> None:
    predictor, sink = Predictor(folder, load_encoder(folder)), io.BytesIO()
    with pytest.raises(TextError, match=r"^line 2 is not UTF-8: invalid start byte at its byte 4; save it as UTF-8"):
        answer_lines(predictor, Pieces("好\n好".encode() + b"\xff\n", 1), sink)  # type: ignore[arg-type]
    assert sink.getvalue().count(b"\n") == 1


def test_a_program_asks_two_folders_by_the_package_of_one(folder: Path, tmp_path: Path) -> None:
    other = save_checkpoint(checkpoint_of(STUDENTS[-1]), tmp_path / "other", "", Path(encoding.__file__))
    program = f"""
import sys
sys.path.insert(0, {str(folder)!r})
from distune_student import load
print([load().logits(["好书"]).tolist(), load({str(other)!r}).logits(["好书"]).tolist()])
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    expected = [Predictor(one, load_encoder(one)).logits(["好书"]).tolist() for one in (folder, other)]
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-5)


def test_a_folder_on_the_path_takes_no_name_that_projects_have(folder: Path) -> None:
    names = {path.stem for path in (*folder.glob("*.py"), *folder.glob("*/__init__.py"))}
    assert names == {"__main__", "__init__"}
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["distune_student"]


def test_a_package_that_its_words_need_is_named_where_it_is_missing(folder: Path) -> None:
    (folder / SUMS).unlink()
    settings = json.loads((folder / "config.json").read_text())
    settings["tokens"] |= {"kind": "words", "segmenter": "no_such_jieba", "hmm": False, "user_words": []}
    (folder / "config.json").write_text(json.dumps(settings))
    done = subprocess.run([sys.executable, str(folder)], input="好\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("is not installed: pip install no_such_jieba\n")
    assert "Traceback" not in done.stderr


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


def test_the_folders_program_answers_files_and_refuses_options(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("好\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("差\n书\n", encoding="utf-8")
    program = [sys.executable, folder]
    done = subprocess.run([*program, tmp_path / "a.txt", tmp_path / "b.txt"], capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 3
    assert subprocess.run([*program, "--texts", "a"], capture_output=True, check=False).returncode == 2
    missing = subprocess.run([*program, "nothing.txt"], capture_output=True, check=False)
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert b"nothing.txt" in missing.stderr


def test_a_second_student_in_one_process_is_not_answered_for_by_the_first(folder: Path, tmp_path: Path) -> None:
    second = save_checkpoint(checkpoint_of(STUDENTS[1]), tmp_path / "second", "", Path(encoding.__file__))
    program = f"""
import sys
sys.path.insert(0, {str(folder)!r})
from distune_student import CheckpointError, load
first = load().label("好")
sys.path.insert(0, {str(second)!r})
try:
    load()
except CheckpointError as error:
    print(error)
print(load({str(second)!r}).labels)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    refused, labels = done.stdout.splitlines()
    assert f"name the folder, as in load('{second}')" in refused
    assert labels == "['bad', 'good']"


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
        ({"cut": "by_meaning"}, r"tokens\.cut is 'by_meaning', and this version knows as_spelt alone"),
        ({"max_tokens": "9"}, r"config\.json is damaged: tokens\.max_tokens is '9'"),
        ({"kind": "words", "segmenter": "numpy", "hmm": True, "user_words": []}, "which is none of jieba, rjieba"),
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
    folder = save_checkpoint(saved, tmp_path / "s", "", Path(encoding.__file__))
    expected = Predictor(folder, load_encoder(folder)).logits(["好书"])
    without_sums(folder)
    np.testing.assert_array_equal(Predictor(folder, load_encoder(folder)).logits(["好书"]), expected)


def test_a_setting_that_torch_does_not_know_is_refused(folder: Path) -> None:
    without_sums(folder)
    config = json.loads((folder / "config.json").read_text())
    for changed, line in (
        ({"dimension": 10**12}, r"config\.json is damaged: dimension: Input should be less"),
        ({"structure": {"wings": 2}}, "wings is not known; where it was made by a newer Distune"),
        ({"student": {}}, r"config\.json is damaged: student\.kind"),
    ):
        (folder / "config.json").write_text(json.dumps(config | changed))
        with pytest.raises(ModelError, match=line):
            load_checkpoint(folder)
