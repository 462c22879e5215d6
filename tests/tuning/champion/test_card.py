from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, metadata_load
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results
from huggingface_hub.utils import DEFAULT_IGNORE_PATTERNS, filter_repo_objects

from distune.tuning.champion.calibration import Calibration
from distune.tuning.champion.card import Card, model_card
from distune.tuning.champion.confidence import Confidence
from distune.tuning.champion.coverage import Covered
from distune.tuning.study.config import CardConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.columns import COLUMNS

SETTINGS = CardConfig(language="zh", license="apache-2.0", data_license="Reviews, CC BY 4.0.", limits=("Not for law.",))
CARD = Card(
    name="reviews-student",
    settings=SETTINGS,
    source="data/reviews.csv",
    about={"Teacher": "a BERT"},
    columns=COLUMNS,
    n_test=100,
    timed="one thread of a CPU, in one run with the teacher, with nothing beside it",
    teacher_timed="itself",
    limits=("It sees 128 words.",),
    packages=["jieba"],
)


def test_the_hub_reads_the_header() -> None:
    data = ModelCard(model_card(CARD)).data
    assert (data.language, data.license, data.pipeline_tag) == ("zh", "apache-2.0", "text-classification")
    (accuracy, f1) = data.eval_results
    assert (accuracy.dataset_name, accuracy.metric_type, accuracy.metric_value) == ("reviews.csv", "accuracy", 0.85)
    assert f1.metric_type == "f1"


def test_what_nobody_said_is_not_in_the_header() -> None:
    card = model_card(replace(CARD, settings=CardConfig()))
    assert "license:" not in card.split("---")[1]
    assert "has not said under what licence its data stand" in card


def test_the_card_shows_the_table_the_interval_the_limits_and_how_to_use_it() -> None:
    card = model_card(CARD)
    for words in (
        "| test accuracy | 0.9000 | 0.7000 | 0.8500 |",
        "- Teacher: a BERT",
        "Test accuracy over 100 texts: 0.8500, 95 % confidence interval 0.7672 to 0.9069",
        "(Wilson, over draws of the test texts). ± is the sample standard deviation over the seeds of the training, and no part of",
        "warm, on one thread of a CPU, in one run with the teacher, with nothing beside it.",
        "- Not for law.",
        "- It sees 128 words.",
        "Reviews, CC BY 4.0.",
        "pip install onnxruntime numpy jieba",
    ):
        assert words in card


def test_a_study_says_it_in_its_card_block(document: dict[str, Any]) -> None:
    document["card"] = {"language": "zh", "limits": ["Not for law."]}
    assert Study(document).config.card.limits == ("Not for law.",)
    document["card"]["licence"] = "MIT"
    with pytest.raises(StudyError, match="did you mean 'license'"):
        Study(document)


def test_a_saved_folder_is_a_repository_of_the_hub(tmp_path: Path) -> None:
    folder = save_student(checkpoint_of(STUDENTS[0]), tmp_path / "s", model_card(CARD))
    header = metadata_load(folder / "README.md")
    assert ModelCard.load(folder / "README.md").data.to_dict() == header
    name, results = model_index_to_eval_results(header["model-index"])
    assert (name, [one.metric_value for one in results]) == ("reviews-student", [0.85, 0.7])
    assert eval_results_to_model_index(name, results) == header["model-index"]
    # What huggingface_hub takes for the names of files in a repository, and leaves out of none.
    names = {path.name for path in folder.iterdir()}
    assert set(filter_repo_objects(names, ignore_patterns=DEFAULT_IGNORE_PATTERNS)) == names


def confidence(temperature: float, error: float) -> Confidence:
    covered = tuple(
        Covered(asked=share, share=share, abstain_below=0.5 + (1 - share), accuracy=1 - share / 10, score=None)
        for share in (1.0, 0.7)
    )
    now = Calibration(error=error, classwise_error=error / 2, log_loss=0.5)
    return Confidence(
        temperature=temperature,
        note="",
        calibration=now,
        uncalibrated=None if temperature == 1 else Calibration(error=0.2, classwise_error=0.1, log_loss=0.75),
        area_under_risk_coverage=error / 4,
        covered=covered,
    )


def test_the_card_says_how_sure_the_student_is() -> None:
    teacher, alone, student = COLUMNS
    columns = (
        replace(teacher, confidence=confidence(1.0, 0.04)),
        alone,
        replace(student, confidence=confidence(1.5, 0.02)),
    )
    card = model_card(replace(CARD, columns=columns))
    for words in (
        "| test calibration error | 0.0400 | - | 0.0200 |\n|   before scaling | - | - | 0.2000 |",
        "those of its logits over 1.5, a temperature fitted on dev.",
        "| | student before scaling | student | teacher |\n|---|---:|---:|---:|\n| calibration error | 0.2000 | 0.0200 | 0.0400 |",
        "| classwise calibration error | 0.1000 | 0.0100 | 0.0200 |\n| log loss | 0.7500 | 0.5000 | 0.5000 |",
        "| answered | from P on | accuracy | teacher's accuracy |\n|---:|---:|---:|---:|\n"
        "| 100.0 % | 0.5000 | 0.9000 | 0.9000 |\n| 70.0 % | 0.8000 | 0.9300 | 0.9300 |",
        "the mean error over all shares, is 0.0050; the teacher's is 0.0100.",
    ):
        assert words in card
    assert "How sure it is" not in model_card(CARD)
