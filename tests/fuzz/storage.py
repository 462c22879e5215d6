"""The folder of a search that has ended, written without running one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import optuna
import yaml

from distune.corpora.places import Place
from distune.tuning.champion.answers import write_answers
from distune.tuning.search.importance import Importance, keep_importances
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.records import open_study
from distune.tuning.storage.searches import new_folder
from distune.tuning.study.file import load_study
from tests.fuzz.targets import logits_table, study_of, texts_table
from tests.making.findings import ANSWERS, RECORDS, TEXTS, results


def make_search(root: Path) -> None:
    """`study.yaml`, and under `storage/` one search of it."""
    (root / "corpus.csv").write_bytes(texts_table("csv"))
    (root / "logits.csv").write_bytes(logits_table("csv"))
    (root / "study.yaml").write_text(yaml.safe_dump(study_of(root), allow_unicode=True), encoding="utf-8")
    study = load_study(root / "study.yaml")
    folder = new_folder(study)
    journal = Journal(folder.journal)
    kept = open_study(study.config, journal)
    for record in RECORDS:
        attributes = {
            "config": record.config.model_dump(mode="json"),
            "state": record.state,
            "accuracy": record.score,
            "latency_ms": record.latency_ms,
            "epochs": record.epochs,
            "size_mb": record.size_mb,
            "curve": [[one.number, one.score, one.loss] for one in record.curve],
        }
        params = {"learning_rate": 0.01 * (1 + record.number), "loss.kd_weight": 0.5 + 0.1 * record.number}
        kept.add_trial(
            optuna.create_trial(
                values=[record.score, record.latency_ms],
                params=params,
                distributions={name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in params},
                user_attrs=attributes,
            )
        )
    journal.flush()
    segment = next(Path(str(folder.journal)).glob("*.jsonl"))
    (root / "segment").write_text(segment.name)
    folder.update(state="ended", corpus="c0", answers="a0", train="l0", files="f0", teacher="t0", run_id="r0")
    (folder.place / "results.json").write_text(json.dumps(results(), ensure_ascii=False, indent=1))
    folder.table.write_text("the table\n")
    keep_importances([Importance("accuracy", "", 4, {"learning_rate": 1.0})], kept, study.config, folder)
    write_answers(replace(ANSWERS), TEXTS, folder.answers)
    (folder.place / "champion" / "README.md").write_text("# Card\n")
    assert Place(str(root)).exists()
