"""What check and a search print of the numbers of teachers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError
from distune.tuning.checks import check
from distune.tuning.search.single import run_single
from distune.tuning.study.file import Study
from distune.tuning.teachers.assumed import fits_logits, of_seen_texts, of_settings
from distune.tuning.teachers.locating import locate
from tests.conftest import lines_said, prepared_study

TERMS = [{"kind": "kl"}, {"kind": "mse"}]


def votes(document: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """A teacher that is a file of votes: all five for the label in half of the rows, four to one in the others."""
    corpus = load_corpus(Study(document).config.corpus)
    lines = [f'"{text}",{"1,0" if row % 2 else "0.8,0.2"}' for row, text in enumerate(corpus.texts())]
    path = tmp_path / "votes.csv"
    path.write_text("\n".join(["text,probability_0,probability_1", *lines]) + "\n", encoding="utf-8")
    return {**document, "teacher": {"logits": str(path)}}


def said_by_prepare(study: Study) -> list[str]:
    with lines_said() as said:
        prepared_study(study)
    return [line.strip() for line in said]


def test_a_probability_of_zero_that_mse_would_fit_is_told(document: dict[str, Any], tmp_path: Path) -> None:
    study = Study(votes(document, tmp_path))
    line = (
        f"{tmp_path}/votes.csv: 100 of 200 rows give a class the probability 0, which counts as 1e-07; where the loss is mse, "
        "students learn to answer its logarithm, -16.1. kl compares probabilities instead"
    )
    told = check(study).splitlines()
    assert told[-2] == f"  {line}"
    assert told[-1] == (
        "  teacher: it says 0 of each of 43 texts of dev, where 19 of 43 have another label; is it trained, and on such texts?"
    )
    assert line in said_by_prepare(study)


def test_logits_that_look_like_probabilities_are_told(document: dict[str, Any], write_logits: Any) -> None:
    study = written(
        document, write_logits, lambda labels: np.stack([0.9 - 0.8 * (labels == 1), 0.1 + 0.8 * (labels == 1)], axis=1)
    )
    assert "its logits are >= 0 and add up to 1 in every row, as probabilities do" in check(study)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (97.5, 2.4, "its logits are >= 0 and add up to 100 in every row, as percentages do"),
        (1.0, 0.0, "its logits are 1 for one class of each text and 0 for the others; if each 1 is an answer"),
    ],
)
def test_percentages_and_answers_in_place_of_logits_are_told(
    document: dict[str, Any], write_logits: Any, right: float, wrong: float, said: str
) -> None:
    study = written(
        document, write_logits, lambda labels: np.where(np.arange(2) == np.reshape(labels % 2, (-1, 1)), right, wrong)
    )
    assert said in check(study)
    assert said not in check(written(document, write_logits, lambda labels: np.full((len(labels), 2), [2.0, 1.5])))


def test_a_probability_of_zero_is_no_news_where_probabilities_are_compared(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["trial"]["loss"]["teacher_term"] = {"kind": "kl"}
    assert "probability 0" not in check(Study(votes(document, tmp_path)))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (None, True),  # mse by default
        ({"kd_weight": 0.5}, True),
        ({"teacher_term": TERMS}, True),
        ({"teacher_term": {"kind": "kl"}}, False),
        ({"teacher_term": {"kind": "mse"}, "kd_weight": 0.0}, False),
        ({"teacher_term": {"kind": "mse"}, "kd_weight": {"choice": [0.0, 0.5]}}, True),
        ({"teacher_term": {"kind": "mse"}, "kd_weight": 0.0, "kd_annealing": "linear", "final_kd_weight": 0.5}, True),
    ],
)
def test_logits_are_fitted_where_a_trial_may_have_the_term_mse(
    document: dict[str, Any], loss: dict[str, Any] | None, expected: bool
) -> None:
    trial = {key: block for key, block in document["trial"].items() if key != "loss"}
    space = Study({**document, "trial": trial if loss is None else {**trial, "loss": loss}}).space
    assert fits_logits(space) == expected


def test_a_mean_that_does_not_follow_the_weights_is_told(document: dict[str, Any]) -> None:
    document["more_teachers"] = [{**document["teacher"], "weight": 3}]
    document["trial"]["loss"]["teachers"] = "mean"
    assert check(Study(document)).splitlines()[-1] == (
        "  trial.loss.teachers: mean counts the 2 teachers alike, but the score that students are held against weighs them 1, 3; "
        "leave it out, and students learn from the same"
    )
    document["more_teachers"][0]["weight"] = 1
    assert "loss.teachers" not in check(Study(document))


def test_by_default_students_learn_from_what_they_are_held_against(document: dict[str, Any], save_teacher: Any) -> None:
    document["more_teachers"] = [{"checkpoint": str(save_teacher(seed=4)), "max_length": 32, "weight": 3}]
    study = Study(document)
    assert "loss.teachers" not in check(study)
    prepared = prepared_study(study)
    each = prepared.teachers.each(prepared.corpus.dev.texts)
    np.testing.assert_allclose(prepared.teachers.of(prepared.corpus.dev.texts), (each[0] + 3 * each[1]) / 4, rtol=1e-5)


def written(document: dict[str, Any], write_logits: Any, logits_of: Any) -> Study:
    """The study with a file of logits that are a function of the labels `[texts]`."""
    texts: list[str] = []
    labels: list[int] = []
    for split in load_corpus(Study(document).config.corpus).splits.values():
        texts += split.texts
        labels += split.labels.tolist()
    return Study({**document, "teacher": {"logits": str(write_logits(texts, logits_of(np.array(labels))))}})


def test_large_logits_are_told_where_they_are_fitted(document: dict[str, Any], write_logits: Any) -> None:
    def large(labels: np.ndarray) -> np.ndarray:
        return np.stack([np.where(labels == 1, -70_000.0, 70_000.0), np.zeros(len(labels))], axis=1)

    study = written(document, write_logits, large)
    line = "the teacher's logits reach 70,000 on dev, which students learn to reach where their loss is mse; "
    assert f"{line}teacher.temperature divides them" in said_by_prepare(study)


def test_logits_of_a_float16_cache_that_are_too_large_for_it_stay_right(
    document: dict[str, Any], write_logits: Any, said: list[str]
) -> None:
    document["teacher"]["logits_dtype"] = "float16"
    study = written(document, write_logits, lambda labels: np.stack([70_000.0 - labels, 69_999.5 + 0 * labels], axis=1))
    half = Study({**study.document, "teacher": {**study.document["teacher"], "logits_dtype": "float16"}})
    prepared = prepared_study(half)
    assert (
        "teacher logits: 1 of 1 shard is kept in float32, as their logits reach 256 and more, which "
        "logits_dtype=float16 would change"
    ) in said
    assert prepared.teacher_score == 1.0


def test_a_trial_of_a_teacher_that_is_never_right_comes_to_its_end(
    document: dict[str, Any], write_logits: Any, said: list[str]
) -> None:
    document["corpus"]["dev_fraction"] = 0.04  # Of so few texts no order of the columns can be told.
    study = written(document, write_logits, lambda labels: np.stack([labels, 1 - labels], axis=1))
    run_single(study)
    lines = "\n".join(said)
    assert "the teacher's dev accuracy is 0: there is no part of it to keep" in lines
    assert ", but there is no part of the teacher's to keep" in lines


@pytest.mark.parametrize(
    ("dev_fraction", "said", "expected"),
    [
        (
            0.04,
            None,
            [
                "teacher: dev has 10 texts, of 0 (5), 1 (5), too few to notice whether its columns are in another order; the order "
                "taken is: 0, 1"
            ],
        ),
        (0.04, ["0", "1"], []),
        (0.4, None, []),
    ],
)
def test_a_dev_that_is_too_small_for_an_order_that_has_no_names_is_told(
    document: dict[str, Any], dev_fraction: float, said: list[str] | None, expected: list[str]
) -> None:
    document["corpus"]["dev_fraction"] = dev_fraction
    study = Study({**document, "teacher": {**document["teacher"], "labels": said}})
    corpus = load_corpus(study.config.corpus)
    places = locate(study.config, corpus)
    assert of_settings(study, corpus.dev.labels, corpus.labels, places) == expected


def test_a_teacher_that_gives_all_texts_the_same_logits_is_told_once(
    document: dict[str, Any], write_logits: Any
) -> None:
    study = written(document, write_logits, lambda labels: np.stack([0.5 + 0 * labels, 1.0 + 0 * labels], axis=1))
    line = (
        "teacher: it says 1 of each of 43 texts of dev, with the same logits, where 24 of 43 have another label; students learn nothing of "
        "the texts from it"
    )
    assert check(study).splitlines().count(f"  {line}") == 1
    assert said_by_prepare(study).count(line) == 1
    assert check(study).splitlines().count(f"  {line}") == 1  # Of the cache, as of the file.


def test_logits_that_are_all_one_number_are_refused(document: dict[str, Any], write_logits: Any) -> None:
    study = written(document, write_logits, lambda labels: np.zeros((len(labels), 2)))
    with pytest.raises(CorpusError, match=r"teacher .*: all its logits on dev are 0, for every class of every text"):
        check(study)


def test_a_checkpoint_with_a_head_of_zeros_is_refused_and_one_of_one_answer_told(
    document: dict[str, Any], save_teacher: Any
) -> None:
    folder = Path(save_teacher(seed=5))
    weights = load_file(folder / "model.safetensors")
    for bias, message in ((0.0, "all its logits on dev are 0"), (1.0, "")):
        weights["classifier.weight"][:] = 0
        weights["classifier.bias"][:] = torch.tensor([bias, 0.0])
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        document["teacher"] = {"checkpoint": str(folder), "max_length": 32}
        if message:
            with pytest.raises(CorpusError, match=message):
                check(Study(document))
        else:
            assert "teacher: it says 0 of each of 43 texts of dev, with the same logits" in check(Study(document))


@pytest.mark.parametrize(
    ("corpus", "teacher", "expected"),
    [
        (
            {},
            {},
            [
                "teacher: trained elsewhere; if it has learnt rows of corpus.source, it looks better on dev and test than it is, as "
                "they are drawn from it; give texts that it has not seen as corpus.dev and corpus.test"
            ],
        ),
        (
            {"dev": "dev.csv"},
            {},
            [
                "teacher: trained elsewhere; if it has learnt rows of corpus.source, it looks better on test than it is, as "
                "they are drawn from it; give texts that it has not seen as corpus.test"
            ],
        ),
        ({"dev": "dev.csv", "test": "test.csv"}, {}, []),
        ({}, {"epochs": 1}, []),  # trained by Distune, on train alone
    ],
)
def test_a_teacher_from_elsewhere_may_have_seen_dev_and_test(
    document: dict[str, Any], corpus: dict[str, Any], teacher: dict[str, Any], expected: list[str]
) -> None:
    study = Study(
        {**document, "corpus": {**document["corpus"], **corpus}, "teacher": {**document["teacher"], **teacher}}
    )
    place: Any = SimpleNamespace(name="teacher", settings=study.config.teacher, logits_file=None)
    drawn = [name for name in ("dev", "test") if name not in corpus]
    assert of_seen_texts(drawn, [place]) == expected


def test_a_file_of_logits_that_says_nothing_of_its_teacher_may_be_of_one_that_has_seen_them() -> None:
    settings = SimpleNamespace(checkpoint=None, epochs=0)
    for about, n_lines in (({}, 1), ({"description": "a BERT"}, 0)):
        place: Any = SimpleNamespace(name="teacher", settings=settings, logits_file=SimpleNamespace(about=about))
        assert len(of_seen_texts(("dev", "test"), [place])) == n_lines
