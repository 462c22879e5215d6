"""The page of the study file is what its generator writes now, and leaves no key unexplained."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from distune.tuning.study.config import SearchConfig, StudyConfig
from distune.tuning.study.reference import meanings, reference
from distune.tuning.trial.config import TrialConfig

ROOT = Path(__file__).resolve().parents[3]
PAGE = reference()


def config_classes() -> list[type[BaseModel]]:
    """Every config class of the project, whether the page found it or not."""
    every: list[type[BaseModel]] = [BaseModel]
    for one in every:
        every += one.__subclasses__()
    # One with an underscore reads what a file of ours says, and is no block of a study.
    return [one for one in every if one.__module__.split(".")[0] == "distune" and not one.__name__.startswith("_")]


def test_the_page_is_what_the_generator_writes_now() -> None:
    assert (ROOT / "docs" / "study-file.md").read_text(encoding="utf-8") == PAGE, "run `make docs`"


def test_every_key_of_every_block_has_a_row_and_a_meaning() -> None:
    assert {StudyConfig, TrialConfig} <= set(config_classes())
    for model in config_classes():
        for name in set(model.model_fields) - {"kind"}:
            assert meanings(model).get(name), f"{model.__name__}.{name} has no docstring"
            assert re.search(rf"^\| `{name}` \|.*\| {re.escape(meanings(model)[name])} \|$", PAGE, re.M), name


def test_every_meaning_is_a_sentence_with_a_subject() -> None:
    wrong = {
        f"{model.__name__}.{name}": meaning
        for model in config_classes()
        for name, meaning in meanings(model).items()
        if meaning.startswith("Of ")
    }
    assert wrong == {}


def test_a_row_has_type_range_default_and_meaning() -> None:
    trials = "The number of students that the search tries, including those that it stops early."
    assert f"| `trials` | whole number ≥ 1 | `32` | {trials} |" in PAGE
    assert "| `kd_weight` | number, 0 to 1 | `0.9` |" in PAGE
    assert "| `scheduler` | `asha` or `none` | `asha` |" in PAGE
    assert "| `champion` | [`champion`](#champion) | `{min_teacher_ratio: 0.97}` |" in PAGE
    assert meanings(SearchConfig)["seeds"] == "The number of trainings of each finalist and of its plain twin."


def test_a_key_that_kinds_share_stands_once_and_again_where_its_default_differs() -> None:
    section = PAGE.split("### trial.tokens")[1].split("###")[0]
    assert section.count("| `min_count` |") == section.count("| `hmm` |") == 1
    assert re.findall(r"\| `max_tokens` \| [^|]* \| ([^|]*) \|", section) == ["`128`", "`200`"]


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()) for line in PAGE.splitlines() if line.startswith("#")}
    assert set(re.findall(r"\(#([^)]*)\)", PAGE)) <= headings


def test_nothing_of_the_types_of_python_is_on_the_page() -> None:
    for noise in ("typing", "Annotated", "Literal", "NoneType", "pathlib", "tuple", "<class", "Undefined"):
        assert noise not in PAGE
