"""The tables: keys of cells, the final rows kept apart, going on after a kill, and the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmarks.tables.run
from benchmarks.tables.cells import read
from benchmarks.tables.methods import choosable
from benchmarks.tables.planning import plan
from benchmarks.tables.run import BERT_BASE, run
from benchmarks.tables.table_config import Cell, MethodConfig, TableConfig, cell_of, cells_of
from benchmarks.tables.tables_text import page
from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError
from distune.tuning.storage.records import TrialRecord
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, load_study, parse_yaml
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.logits import logits_for
from distune.tuning.trial.config import TrialConfig

ROOT = Path(__file__).resolve().parents[2]
TABLE = parse_yaml((ROOT / "benchmarks" / "tables" / "tables.yaml").read_text(encoding="utf-8"))
AVERAGE = {
    "student": {"kind": "average", "hidden_layer": 0},
    "loss": {"kd_weight": 1.0, "teacher_term": {"kind": "mse"}},
}


def cell(document: dict[str, Any], seed: int = 1, **method: Any) -> Cell:
    config = MethodConfig.model_validate({"name": "one", "kind": "fixed", **method})
    return cell_of(document, config, (seed, seed), 1, load_corpus(Study(document).config.corpus))


def test_the_files_of_the_tables_are_valid() -> None:
    ablation = parse_yaml((ROOT / "benchmarks" / "tables" / "ablation.yaml").read_text(encoding="utf-8"))
    assert len(TableConfig.model_validate(ablation).methods) == 1 + 5 * 3 + 4 + 3
    table = TableConfig.model_validate(TABLE)
    kinds = [method.kind for method in table.methods]
    assert {"majority", "tfidf", "fixed", "searched", "teacher"} == set(kinds)
    for name in ("pairs", "skewed", "several_labels"):
        of_kind = parse_yaml((ROOT / "benchmarks" / "tables" / f"{name}.yaml").read_text(encoding="utf-8"))
        assert len(TableConfig.model_validate(of_kind).seeds) >= 5
    assert len(table.seeds) >= 5


def test_a_cell_has_another_key_for_whatever_its_answers_depend_on(document: dict[str, Any]) -> None:
    one = cell(document)
    assert one.key != cell(document, seed=2).key
    assert one.key != cell(document, trial=AVERAGE).key
    assert one.key != cell({**document, "trial": {**document["trial"], "epochs": 3}}).key
    # Its name, where it is kept and how many trials a search has make no other student of fixed settings.
    assert one.key == cell(document, name="other").key
    assert one.key == cell({**document, "storage": "elsewhere", "search": {"trials": 9}}).key
    assert cell(document, kind="searched").key != cell({**document, "search": {"trials": 9}}, kind="searched").key
    # Of the study's rule a search knows the latency alone: what is far beyond it is not trained.
    limited = {**document, "champion": {"max_latency_ms": 0.5}}
    assert cell(document, kind="searched").search_key != cell(limited, kind="searched").search_key
    assert one.key == cell(limited).key


def test_the_plain_trial_with_which_a_search_begins_is_no_distilled_student() -> None:
    distilled = TrialConfig.model_validate(AVERAGE)
    plain = TrialRecord(number=0, state="complete", config=distilled.plain(), score=0.9)
    pruned, best = (
        TrialRecord(number=1, state="pruned", config=distilled),
        TrialRecord(number=2, state="complete", config=distilled, score=0.8),
    )
    assert choosable([plain, pruned, best], plain=False) == [best]
    assert choosable([plain, pruned], plain=True) == [plain]
    with pytest.raises(StudyError, match=r"of 2 trials none that is distilled was completed; set search.trials higher"):
        choosable([plain, pruned], plain=False)


def test_a_teacher_made_of_students_is_the_same_for_every_method_and_seed(document: dict[str, Any]) -> None:
    document["teacher"] = {"students": {}}
    study = Study(document)
    corpus = load_corpus(study.config.corpus)
    methods = [
        cell(document),
        cell(document, seed=2, trial=AVERAGE),
        cell(document, kind="searched", plain=True),
        cell(document, trial=AVERAGE, first_teacher_alone=True),
    ]
    names = {locate(config, corpus)[0].key.teacher for config in (study.config, *(m.study.config for m in methods))}
    assert len(names) == 1


def test_methods_that_differ_in_their_rule_alone_share_their_search(document: dict[str, Any]) -> None:
    one, two = (cell(document, kind="searched", rule={"min_teacher_ratio": r}) for r in (0.9, 0.97))
    assert one.search_key == two.search_key
    assert one.key != two.key
    assert cell(document, kind="searched", plain=True).search_key != one.search_key


def test_the_student_alone_has_the_same_space_but_for_the_loss(document: dict[str, Any]) -> None:
    document["search"]["first"] = [{"loss": {"teacher_term": {"kind": "mse"}}}]
    document["trial"]["loss"]["label_smoothing"] = {"choice": [0.0, 0.1]}
    document["trial"]["augment"] = {"n_iter": 1}
    space = cell(document, kind="searched", plain=True).study.document
    assert space["trial"]["loss"] == {"kd_weight": 0.0, "label_smoothing": {"choice": [0.0, 0.1]}}
    assert space["trial"]["student"] == document["trial"]["student"]
    assert "augment" not in space["trial"]
    assert space["search"]["trials"] == document["search"]["trials"]


def test_a_method_may_learn_from_the_first_teacher_alone_as_it_is(document: dict[str, Any]) -> None:
    alone = cell(document)
    assert cell(document, first_teacher_alone=True).key == alone.key  # One teacher: nothing else to be computed.
    several = {**document, "teacher": {**document["teacher"], "temperature": 4}, "more_teachers": [{"students": {}}]}
    assert cell(several).key != alone.key
    first = cell(several, first_teacher_alone=True)
    assert first.key == alone.key
    assert len(first.study.config.teachers) == 1
    assert first.study.config.teacher.temperature == 1


def test_the_seed_is_of_search_and_training(document: dict[str, Any]) -> None:
    study = cell(document, seed=5, kind="searched").study
    assert study.config.search.seed == study.space.root["seed"] == 5


def test_a_study_that_is_searched_once_shares_its_search_among_the_seeds(document: dict[str, Any]) -> None:
    methods = [{"name": "searched", "kind": "searched"}, {"name": "teacher", "kind": "teacher"}]
    settings: dict[str, Any] = {"seeds": (3, 4, 5), "against": "searched", "methods": methods}
    corpus = load_corpus(Study(document).config.corpus)
    once = cells_of(document, TableConfig(**settings, one_search=("tiny",)), corpus)
    assert [one.seed for one in once] == [3, 4, 5, 3]
    assert {one.study.config.search.seed for one in once} == {3}
    assert len({one.search_key for one in once[:3]}) == 1
    assert len({one.key for one in once}) == 4
    every = cells_of(document, TableConfig(**settings), corpus)
    assert len({one.search_key for one in every[:3]}) == 3
    assert every[0].key == once[0].key


def test_final_rows_that_anything_was_learnt_from_are_refused(
    document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path], tmp_path: Path
) -> None:
    study = load_study(write_study(document))
    corpus = load_corpus(study.config.corpus)
    for split in (corpus.train, corpus.transfer, corpus.dev):
        (tmp_path / "final.csv").write_text(f'text,label\n"{split.texts[0].upper()}",1\n', encoding="utf-8")
        table = TableConfig.model_validate(
            {**TABLE, "final": {"tiny": {"more": {"path": str(tmp_path / "final.csv")}}}}
        )
        with pytest.raises(CorpusError, match="1 texts of the final set 'more' stand in train, transfer or dev"):
            plan(study, table, tmp_path / "records")


@pytest.mark.soak
def test_a_run_that_was_killed_goes_on_and_reads_what_is_final_once(
    document: dict[str, Any],
    write_study: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(benchmarks.tables.run, "BERT_BASE", {**BERT_BASE, "num_hidden_layers": 1, "hidden_size": 24})
    methods = [
        {"name": "majority", "kind": "majority"},
        {"name": "tfidf", "kind": "tfidf"},
        {"name": "teacher", "kind": "teacher"},
        {"name": "fixed", "kind": "fixed", "trial": AVERAGE},
        {"name": "searched", "kind": "searched"},
    ]
    table = TableConfig(seeds=(1,), retrainings=2, against="searched", methods=methods)  # type: ignore[arg-type]
    document["search"] |= {"trials": 2, "finalists": 1}
    study = load_study(write_study(document))
    this = plan(study, table, tmp_path / "records")
    assert len(this.cells) == 5
    run(this, timed_texts=8)
    records = read(this.record)
    kinds = [one["record"] for one in records]
    assert kinds == ["plan", *["choice"] * 5, *["reading"] * 5, "speed"]  # All is chosen before anything is read.
    answers = records[6]["classes"]["test"]
    assert answers == [answers[0]] * len(this.corpus.test)  # The majority class.
    fixed = next(one for one in records if one.get("method") == "fixed")
    assert fixed["dev_score"] == max(fixed["about"]["dev_accuracies"])
    searched = next(one for one in records if one.get("method") == "searched")
    assert 0 < len(searched["about"]["trial_accuracies"]) <= 2
    assert set(records[-1]["latencies"]) == {"fixed", "searched", "teacher", "BERT-base shape"}

    lines = this.record.read_bytes().split(b"\n")
    this.record.write_bytes(b"\n".join(lines[:5]) + b'\n{"record": "cho')  # Killed in the last choice.
    run(plan(study, table, tmp_path / "records"), timed_texts=0)
    again = read(this.record)
    assert [one["record"] for one in again] == ["plan", *["choice"] * 4, "plan", "choice", *["reading"] * 5]
    redone = {one["key"]: one for one in records[6:11]}
    # The search was taken up where it had ended, and the same seeds give the same student.
    assert all(one["classes"] == redone[one["key"]]["classes"] for one in again if one["record"] == "reading")
    run(plan(study, table, tmp_path / "records"), timed_texts=0)
    assert [one["record"] for one in read(this.record)[len(again) :]] == ["plan"]
    assert "| searched | 1 |" in page({"tiny": again})


def test_a_method_may_search_by_another_metric_with_the_same_teacher(document: dict[str, Any], tmp_path: Path) -> None:
    document["metric"] = "macro_f1"
    config = MethodConfig.model_validate({"name": "one", "kind": "searched", "metric": "accuracy"})
    corpus = load_corpus(Study(document).config.corpus)
    file = tmp_path / "logits.csv"
    rows = [f'"{text}",{0.5 - i % 2},{i % 2}' for i, text in enumerate(corpus.texts())]
    file.write_text("\n".join(["text,logit_0,logit_1", *rows]) + "\n", encoding="utf-8")
    other = cell_of(document, config, (1, 1), 1, corpus, [file]).study.config
    assert other.metric.kind == "accuracy"
    assert other.teacher.logits == str(file)
    assert other.teacher.checkpoint is None
    own = cell_of(document, MethodConfig(name="one", kind="searched"), (1, 1), 1, corpus, [file]).study.config
    assert own.metric.kind == "macro_f1"
    assert own.teacher.logits is None


def test_methods_of_another_metric_read_what_the_teacher_of_the_study_says(
    document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path], tmp_path: Path
) -> None:
    document["metric"] = "macro_f1"
    methods = [
        {"name": "own", "kind": "searched"},
        {"name": "by accuracy", "kind": "searched", "metric": "accuracy"},
    ]
    table = TableConfig(seeds=(1,), against="own", methods=methods)  # type: ignore[arg-type]
    this = plan(load_study(write_study(document)), table, tmp_path / "records")
    own, other = (
        logits_for(cell.study.config, this.corpus, locate(cell.study.config, this.corpus)) for cell in this.cells
    )
    assert other.places[0].logits_file is not None
    texts = this.corpus.texts()
    np.testing.assert_allclose(other.of(texts), own.of(texts), rtol=1e-3)
    assert this.metric.config.kind == "macro_f1"


def test_a_metric_of_probabilities_of_three_classes_is_refused(
    document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path], tmp_path: Path
) -> None:
    source = tmp_path / "three.csv"
    source.write_text("text,label\n" + "".join(f"text {i},{'abc'[i % 3]}\n" for i in range(90)), encoding="utf-8")
    document |= {"corpus": {"source": str(source)}, "teacher": {"students": {}}, "metric": "roc_auc"}
    with pytest.raises(StudyError, match=r"the tables keep answers, .* ROC AUC of 3 classes cannot be computed"):
        plan(load_study(write_study(document)), TableConfig.model_validate(TABLE), tmp_path / "records")


def test_several_labels_a_text_have_no_further_final_sets(tmp_path: Path) -> None:
    rows = [f"text {i},{'a|b' if i % 2 else 'a'}" for i in range(40)]
    source = tmp_path / "several.csv"
    source.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    study = Study(
        {
            "name": "tiny",
            "corpus": {"source": str(source), "separator": "|"},
            "teacher": {"students": {}},
            "trial": {"student": {"kind": "average"}},
            "storage": str(tmp_path),
        }
    )
    table = TableConfig.model_validate({**TABLE, "final": {"tiny": {"more": {"path": str(source)}}}})
    with pytest.raises(CorpusError, match=r"several.csv: further final sets are read with one label a text"):
        plan(study, table, tmp_path / "records")
