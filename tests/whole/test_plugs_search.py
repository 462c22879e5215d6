"""The example of a user's own student and loss, searched on a cluster with a node for timing, and read again when its plugs are gone."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from ray.cluster_utils import Cluster
from rich.console import Console

import distune
from distune.tuning.cli import main
from distune.tuning.session import search
from distune.tuning.storage.paths import ENDED, Folder
from distune.tuning.storage.records import records_in
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, load_study
from distune.tuning.trial.plugs import plug_in

pytestmark = [pytest.mark.slow, pytest.mark.long]
ROOT = Path(__file__).resolve().parents[2]
QUICK = (
    "trial.vectors={kind: random, dimension: 8}",
    "trial.student={kind: gated, features: {choice: [4, 8]}}",
    "trial.loss.teacher_term={kind: huber, delta: {log: [0.1, 10]}}",
    "trial.epochs=1",
    "search.trials=2",
    "search.finalists=1",
    "search.seeds=1",
    "champion={max_latency_ms: 1000}",
)


@dataclass(frozen=True)
class Searched:
    """A search with plugs whose files are gone, and the study file that names them."""

    folder: Folder
    study: Study
    file: Path
    plugs: Path


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster with a node for trials and one that is kept for timing."""
    # A port that Ray chooses: beside another cluster its usual one is taken.
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "dashboard_port": None})
    nodes.add_node(num_cpus=1, resources={"latency": 1})
    nodes.wait_for_nodes()
    try:
        yield nodes.address
    finally:
        nodes.shutdown()


@pytest.fixture(scope="module")
def searched(
    tmp_path_factory: pytest.TempPathFactory, reviews_csv: Path, teacher_folder: Path, migrated: Path, cluster: str
) -> Iterator[Searched]:
    """Of the texts of the example there are too many for a test: its corpus and its teacher are the tiny ones."""
    place = tmp_path_factory.mktemp("plugs")
    plugs = place / "plugs"
    shutil.copytree(ROOT / "examples" / "plugs", plugs)
    settings = [
        *QUICK,
        f"plugins=[{plugs}/gated.py, {plugs}/huber.py]",
        f"corpus={{source: {reviews_csv}, labelled: 20, dev_fraction: 0.2, test_fraction: 0.2}}",
        f"teacher={{checkpoint: {teacher_folder}, max_length: 32}}",
        f"storage={place}/storage",
        f"tracking={{uri: 'sqlite:///{place}/mlflow.db', register_as: plugged}}",
        f"cluster={{address: '{cluster}', latency_node: latency}}",
    ]
    study = load_study(plugs / "study.yaml", settings)
    file = place / "study.yaml"
    file.write_text(json.dumps(study.document), encoding="utf-8")
    shutil.copyfile(migrated, place / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        # Those of `ended` are looked at.
        patch.setattr("distune.tuning.report.write.write_pngs", lambda pictures, folder: [])
        folder = search(study, Console(file=io.StringIO(), width=200))
    plugs.rename(place / "gone")
    plug_in(())
    yield Searched(folder, study, file, plugs)
    plug_in(())


def test_every_trial_has_the_plugs_and_the_champion_is_registered(searched: Searched) -> None:
    records = records_in(searched.study.config, searched.folder)
    assert [record.state for record in records] == ["complete", "complete"]
    assert {record.config.student.kind for record in records} == {"gated"}
    assert records[1].config.loss.teacher_term.kind == "huber"
    assert searched.folder.state["state"] == ENDED
    client = MlflowClient(searched.study.config.tracking.uri, searched.study.config.tracking.uri)
    assert str(client.get_model_version_by_alias("plugged", "champion").version) == "1"


def test_the_champion_answers_without_its_plugs(searched: Searched) -> None:
    student = distune.load(str(searched.folder.place / "champion"))
    assert len(student.predict(["很好", "太慢了"])) == 2


def test_the_folder_is_read_without_its_plugs(searched: Searched, capsys: pytest.CaptureFixture[str]) -> None:
    found = distune.results(str(searched.folder))
    assert set(found.trials["student.kind"]) == {"gated"}
    assert {"student.features", "loss.teacher_term.delta"} <= set(found.trials.columns)
    page = searched.file.parent / "page.html"
    for command in (["report", str(searched.folder), "--out", str(page)], ["compare", *[str(searched.folder)] * 2]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 0
    assert "gated" in page.read_text(encoding="utf-8")
    assert "gated" in capsys.readouterr().out


def test_a_study_whose_plugs_are_gone_is_refused_in_a_line(searched: Searched) -> None:
    with pytest.raises(StudyError) as caught:
        load_study(searched.file)
    first, *others = str(caught.value).split("\n")
    assert first == f"plugins: cannot read {searched.plugs}/gated.py: No such file or directory"
    assert f"plugins: cannot read {searched.plugs}/huber.py: No such file or directory" in others


def test_its_champion_is_compressed_where_the_study_brings_the_plug(
    searched: Searched, capsys: pytest.CaptureFixture[str]
) -> None:
    champion, target = str(searched.folder.place / "champion"), str(searched.plugs.parent / "smaller")
    (searched.plugs.parent / "texts.txt").write_text("很好\n太慢了\n", encoding="utf-8")
    with pytest.raises(SystemExit) as refused:
        main(["compress", champion, target, "--half", "float16", "--texts", str(searched.plugs.parent / "texts.txt")])
    assert refused.value.code == 2
    assert "which a plug brings, and torch cannot build it without; name the study" in capsys.readouterr().err
    shutil.copytree(searched.plugs.parent / "gone", searched.plugs)
    try:
        with pytest.raises(SystemExit) as ended:
            main(["compress", champion, target, "--half", "float16", "--study", str(searched.file)])
    finally:
        shutil.rmtree(searched.plugs)
        plug_in(())
    assert ended.value.code == 0
    assert len(distune.load(target).predict(["很好", "太慢了"])) == 2


def test_a_search_is_not_gone_on_with_by_another_plug(searched: Searched) -> None:
    gone = searched.plugs.parent / "gone"
    shutil.copytree(gone, searched.plugs)
    try:
        searched.folder.update(state="searching")
        text = (gone / "huber.py").read_text(encoding="utf-8")
        (searched.plugs / "huber.py").write_text(text.replace("delta=self.delta", "delta=2 * self.delta"))
        with pytest.raises(
            StudyError, match=r"--resume: a file that trial names \(.*, a plugin\) has changed since the search"
        ):
            search(load_study(searched.file), Console(file=io.StringIO()), resume=True)
    finally:
        searched.folder.update(state=ENDED)
        shutil.rmtree(searched.plugs)
