"""What `check` and a search ask a teacher before anything expensive starts, by the studies that people write."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer

import distune.tuning.teachers.examining
from distune.cluster.runner import IN_PROCESS
from distune.models.errors import ModelError
from distune.models.teacher.tokenizing import character_tokenizer
from distune.tuning.checks import check
from distune.tuning.study.file import Study
from distune.tuning.teachers.logits import cache_teacher, unseen
from tests.conftest import prepared_study
from tests.families import save_family


@pytest.fixture
def masked_model(teacher_folder: Path, tmp_path: Path) -> Path:
    """The teacher as a masked language model, which has no head."""
    AutoModelForMaskedLM.from_pretrained(teacher_folder).save_pretrained(tmp_path / "mlm")
    AutoTokenizer.from_pretrained(teacher_folder).save_pretrained(tmp_path / "mlm")
    return tmp_path / "mlm"


def test_a_checkpoint_without_a_head_is_refused_by_check_search_and_cache(
    document: dict[str, Any], masked_model: Path
) -> None:
    document["teacher"]["checkpoint"] = str(masked_model)
    study = Study(document)
    for start in (
        check,
        prepared_study,
        lambda study: cache_teacher(study, False, None, "", IN_PROCESS, unseen),
    ):
        with pytest.raises(ModelError, match=r"has no trained classification head .* set epochs >= 1 to fine-tune it"):
            start(study)
    assert not Path(study.config.storage).exists()


def test_it_may_be_fine_tuned_and_its_length_is_told(document: dict[str, Any], masked_model: Path) -> None:
    document["teacher"] = {"checkpoint": str(masked_model), "epochs": 1}
    assert check(Study(document)).split("\n")[-1] == (
        f"  the teacher {masked_model} reads at most 32 tokens, as it has no more positions, instead of 128 by default"
    )
    document["teacher"]["max_length"] = 64
    with pytest.raises(ModelError, match=r"max_length must be <= 32, .* but got max_length=64"):
        check(Study(document))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_states": [7]}, "hidden_states must be pooled or 0 to 2"),
        ({"epochs": 1, "hidden_states": [7]}, "hidden_states must be pooled or 0 to 2"),
        ({"epochs": 1, "train_last_layers": 3}, "must be <= 2, but got train_last_layers=3"),
        ({"max_length": 33}, "max_length must be <= 32"),
    ],
)
def test_what_the_teacher_does_not_have_is_refused_before_anything_runs(
    document: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    document["teacher"] |= settings
    with pytest.raises(ModelError, match=message):
        check(Study(document))


def test_a_tokenizer_of_another_language_is_refused(
    document: dict[str, Any], teacher_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(teacher_folder, tmp_path / "latin")
    character_tokenizer(["abcdefgh ，。"], 1, 32).save_pretrained(tmp_path / "latin")
    document["teacher"]["checkpoint"] = str(tmp_path / "latin")
    for epochs in (0, 1):
        document["teacher"]["epochs"] = epochs
        with pytest.raises(ModelError, match=r"its tokenizer does not know \d+ % of the corpus"):
            check(Study(document))


def test_a_teacher_without_a_mask_token_reads_no_hidden_words(document: dict[str, Any], tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(
        save_family("gpt2", tmp_path / "gpt2"), num_labels=2, ignore_mismatched_sizes=True
    )
    model.config.id2label, model.config.label2id = {0: "LABEL_0", 1: "LABEL_1"}, {"LABEL_0": 0, "LABEL_1": 1}
    model.save_pretrained(tmp_path / "gpt2")
    document["teacher"] = {"checkpoint": str(tmp_path / "gpt2"), "max_length": 32}
    document["trial"]["augment"] = {"n_iter": 1}
    with pytest.raises(
        ModelError, match=r"trial.augment.p_mask: the tokenizer of .*gpt2 has no mask token .*set p_mask: 0"
    ):
        check(Study(document))
    document["trial"]["augment"] = {"n_iter": 1, "p_mask": 0}
    said = check(Study(document))
    assert "pads with <|endoftext|>, as it names no pad token" in said


def test_a_teacher_whose_answers_are_cached_is_not_loaded_again(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study(document)
    prepared_study(study)
    monkeypatch.setattr(distune.tuning.teachers.examining, "load_from", lambda *arguments: pytest.fail("loaded again"))
    prepared_study(study)


def test_a_checkpoint_that_comes_with_its_logits_is_loaded_before_it_is_to_be_timed(
    document: dict[str, Any], masked_model: Path, write_logits: Any
) -> None:
    from distune.corpora.corpus import load_corpus

    texts = load_corpus(Study(document).config.corpus).texts()
    logits = write_logits(texts, [[0.0, 1.0]] * len(texts))
    document["teacher"] = {"checkpoint": str(masked_model), "logits": str(logits)}
    with pytest.raises(ModelError, match="has no trained classification head"):
        prepared_study(document)
