"""A checkpoint of a hub is known by its commit. The hub is a cache folder here, as huggingface_hub lays it out, and offline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.corpora.corpus import load_corpus
from distune.models.errors import ModelError
from distune.models.teacher.hub import checkpoint_settings, commit_of
from distune.models.teacher.teacher import check_checkpoint, load_teacher, teacher_logits
from distune.models.teacher.tokenizing import tokenizer_pieces
from distune.tuning.study.file import Study
from distune.tuning.teachers.identity import checkpoint_identity
from distune.tuning.teachers.locating import locate
from tests.conftest import prepared_study

FIRST, SECOND = "a" * 40, "b" * 40


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save_teacher: Callable[..., Path]) -> Path:
    """`org/name`, whose main branch is the first of two commits, and whose tag v2 is the second."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub" / "models--org--name"
    (repository / "snapshots").mkdir(parents=True)
    (repository / "refs").mkdir()
    for seed, commit in ((3, FIRST), (4, SECOND)):
        (repository / "snapshots" / commit).symlink_to(save_teacher(seed=seed))
    (repository / "refs" / "main").write_text(FIRST)
    (repository / "refs" / "v2").write_text(SECOND)
    return repository


def test_a_name_stands_for_the_commit_that_its_branch_or_tag_has(hub: Path, tmp_path: Path) -> None:
    assert [commit_of("org/name", revision) for revision in (None, "main", "v2", SECOND)] == [
        FIRST,
        FIRST,
        SECOND,
        SECOND,
    ]
    assert commit_of(str(tmp_path), None) is None
    (hub / "refs" / "main").write_text(SECOND)
    assert commit_of("org/name", None) == SECOND


@pytest.mark.parametrize("path", ["./my-bert", "/models/my-bert", "~/my-bert", "models/zh/my-bert"])
def test_a_path_that_leads_nowhere_is_not_blamed_on_the_hub(path: str) -> None:
    with pytest.raises(ModelError) as caught:
        commit_of(path, None)
    assert str(caught.value) == (
        f"the teacher {path} is no folder here, and from the hub it cannot be loaded: it is a path and no hub id; name a folder "
        "that is there, or a hub id"
    )


def test_what_the_hub_does_not_have_is_one_line(hub: Path, tmp_path: Path) -> None:
    for name, revision in (("org/name", "v3"), ("org/other", None), ("no//name", None)):
        with pytest.raises(ModelError, match="is no folder here, and from the hub it cannot be loaded") as caught:
            commit_of(name, revision)
        assert "\n" not in str(caught.value)
    with pytest.raises(
        ModelError, match=r"revision=v2 is of a checkpoint of a hub, but .* is a folder here; leave it out"
    ):
        commit_of(str(tmp_path), "v2")


@pytest.mark.parametrize("has_tokenizer", [False, True])
def test_an_adapter_on_the_hub_is_one_line(
    hub: Path, tmp_path: Path, teacher_folder: Path, has_tokenizer: bool
) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    if has_tokenizer:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (adapter / name).write_bytes((teacher_folder / name).read_bytes())
    (hub / "snapshots" / FIRST).unlink()
    (hub / "snapshots" / FIRST).symlink_to(adapter)
    line = "the teacher org/name is a LoRA adapter on the hub, .*: `hf download org/name --local-dir FOLDER`, and name that folder$"
    for load in (
        lambda: check_checkpoint("org/name", None, FIRST),
        lambda: load_teacher("org/name", 32, revision=FIRST),
    ):
        with pytest.raises(ModelError, match=line):
            load()


def test_settings_tokenizer_and_weights_are_all_of_one_commit(hub: Path) -> None:
    texts = ["好书", "差手机"]
    (hub / "refs" / "main").unlink()  # A commit needs no branch.
    for commit in (FIRST, SECOND):
        folder = hub / "snapshots" / commit
        found = teacher_logits(load_teacher("org/name", 32, revision=commit), texts)
        np.testing.assert_array_equal(found, teacher_logits(load_teacher(folder, 32), texts))
        assert checkpoint_settings("org/name", commit) == {"": json.loads((folder / "config.json").read_text())}
        assert tokenizer_pieces("org/name", commit) == tokenizer_pieces(folder)


def test_a_teacher_of_the_hub_is_another_where_its_branch_has_moved(
    hub: Path, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A CPU that computes bf16 answers in it: other digits on another machine.
    monkeypatch.setattr("distune.models.teacher.teacher.has_fast_bf16", lambda device: False)

    def teacher(**settings: Any) -> Any:
        study = Study({**document, "teacher": {"checkpoint": "org/name", "max_length": 32, **settings}})
        return locate(study.config, load_corpus(study.config.corpus))[0]

    first, second = teacher(), teacher(revision="v2")
    assert (first.settings.revision, second.settings.revision) == (FIRST, SECOND)
    assert first.key != second.key
    assert teacher(revision=FIRST).key == teacher(revision="main").key == first.key
    (hub / "refs" / "main").write_text(SECOND)
    assert teacher().key == second.key
    study = Study({**document, "teacher": {"checkpoint": "org/name", "revision": "v2", "max_length": 32}})
    prepared = prepared_study(study)
    texts = prepared.corpus.dev.texts
    expected = teacher_logits(load_teacher(hub / "snapshots" / SECOND, 32), texts)
    np.testing.assert_allclose(prepared.teachers.of(texts), expected, atol=1e-5)
    assert checkpoint_identity("org/name", FIRST) == ["org/name", FIRST]


def test_a_folder_beside_the_members_of_an_ensemble_is_no_member(tmp_path: Path) -> None:
    for name in ("member-0", "member-10", "member-2", "member-old", "member-²"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"name": name}), encoding="utf-8")
    assert list(checkpoint_settings(str(tmp_path), None)) == ["member-0", "member-2", "member-10"]
