"""Students and losses of the user's own: named in a study, refused in a line, taken along, and not needed to read or answer."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console

import distune
from distune._plug_files import PlugFile
from distune.corpora import encoding
from distune.corpora.places import Place
from distune.models.checkpoint import Checkpoint, load_checkpoint
from distune.models.compression.trained import Trained
from distune.models.errors import ModelError
from distune.models.predictor import Predictor
from distune.models.students.config import STUDENTS
from distune.testing import check_loss, check_student
from distune.tuning.checks import check
from distune.tuning.search.plugged import plugs_in
from distune.tuning.shipping import pack
from distune.tuning.speed.bench import bench
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, kept_study, load_study, runnable
from distune.tuning.teachers.identity import trial_files
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.plugs import plug_identity, plug_in
from tests.making.checkpoints import save_student
from tests.making.plugs import PLUGS, STUDENT, TINY, install, nothing_stays_plugged

ROOT = Path(__file__).resolve().parents[2]
__all__ = ["nothing_stays_plugged"]  # A fixture.


@pytest.fixture
def plugged(document: dict[str, Any]) -> dict[str, Any]:
    """A study over both plugs of the example."""
    document["plugins"] = [str(PLUGS / "gated.py"), str(PLUGS / "huber.py")]
    document["trial"]["student"] = [
        {"kind": "gated", "features": {"choice": [3, 4]}},
        {"kind": "average", "hidden_layer": 4},
    ]
    document["trial"]["loss"]["teacher_term"] = [{"kind": "huber", "delta": {"log": [1, 10]}}, {"kind": "mse"}]
    return document


@pytest.fixture
def faults_of(document: dict[str, Any], tmp_path: Path) -> Callable[..., list[str]]:
    """What is wrong with a study whose plugin files have these contents, the folder left out."""

    def faults(*contents: str) -> list[str]:
        document["plugins"] = []
        for number, content in enumerate(contents):
            (tmp_path / f"{number}.py").write_text(content, encoding="utf-8")
            document["plugins"].append(str(tmp_path / f"{number}.py"))
        with pytest.raises(StudyError) as caught:
            Study(document)
        return str(caught.value).replace(f"{tmp_path}/", "").split("\n")

    return faults


def test_plugs_are_conditional_in_the_space_as_ours_are(plugged: dict[str, Any]) -> None:
    study = Study(plugged)
    assert study.space.root["loss"]["teacher_term"].blocks["huber"]["delta"].values == (
        1.0,
        10.0,
    )  # as numbers of its field
    assert [kind for _, kind, _ in plugs_in(study)] == ["gated", "huber"]
    config = TrialConfig.model_validate(
        {"student": {"kind": "gated", "features": 3}, "loss": {"teacher_term": {"kind": "huber"}}}
    )
    assert config.loss.teacher_term.model_dump() == {"kind": "huber", "delta": 1.0}
    assert TrialConfig.model_validate(config.model_dump(mode="json")) == config


def test_faults_of_a_plug_have_their_path_and_name_what_is_known(plugged: dict[str, Any]) -> None:
    plugged["trial"]["student"] = [{"kind": "gated", "feature": 3}, {"kind": "gatted"}]
    plugged["trial"]["loss"]["teacher_term"] = {"kind": "huber", "delta": 0}
    with pytest.raises(StudyError) as caught:
        Study(plugged)
    assert str(caught.value).split("\n") == [
        "trial.student.feature: unknown key; did you mean 'features'? The keys here are channels, dropout, pooling, layer_norm, pair, overlap, "
        "hidden_layer, hidden_layers, kind, features, width",
        "trial.loss.teacher_term.delta: must be > 0, but got 0",
        "trial.student.kind: must be one of 'bilstm', 'bigru', 'textcnn', 'average', 'transformer', 'gated', but got 'gatted'",
    ]


def test_without_its_plugin_a_kind_is_unknown(plugged: dict[str, Any]) -> None:
    Study(plugged)
    del plugged["plugins"]
    with pytest.raises(StudyError, match=r"trial.student.kind: must be one of .*'transformer', but got 'gated'"):
        Study(plugged)


def test_a_file_that_is_no_plug_is_refused_in_a_line(
    faults_of: Callable[..., list[str]], document: dict[str, Any]
) -> None:
    unfrozen = "    model_config = {'frozen': False}\n"
    assert faults_of("import nothing_of_this_name") == [
        "plugins: 0.py cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name' (line 1)"
    ]
    assert faults_of("x = 1\nraise SystemExit(3)") == ["plugins: 0.py cannot be imported: SystemExit: 3 (line 2)"]
    assert faults_of("def f(:")[0].startswith("plugins: 0.py cannot be imported: SyntaxError: invalid syntax")
    assert faults_of("x = 1") == [
        "plugins: 0.py has no plug: no class in it extends one of distune.plugs: StudentShape, TeacherTerm, HiddenTerm"
    ]
    assert faults_of(TINY.replace('    kind: Literal["tiny"]\n', "")) == [
        'plugins: 0.py: Tiny is no plug: it has no kind; write kind: Literal["NAME"] with one name'
    ]
    assert faults_of(TINY.replace("build_body", "build_it")) == ["plugins: 0.py: Tiny is no plug: it has no build_body"]
    assert faults_of(TINY.replace("    size", unfrozen + "    size").replace(", frozen=True", "")) == [
        "plugins: 0.py: Tiny is no plug: it is not frozen; leave frozen as its base has it"
    ]
    assert faults_of(TINY.replace("(StudentShape, ", "(__import__('pydantic').BaseModel, ")) == [
        "plugins: 0.py: Tiny is no plug: it extends none of distune.plugs: StudentShape, TeacherTerm, HiddenTerm"
    ]
    assert faults_of(TINY.replace('"tiny"', '"Tiny 2"')) == [
        "plugins: 0.py: Tiny is no plug: its kind must be small letters, digits and _, but is 'Tiny 2'"
    ]
    document["plugins"] = ["no-such-file.py"]
    with pytest.raises(StudyError, match=r"^plugins: cannot read no-such-file.py: No such file or directory$"):
        Study(document)
    document["plugins"] = "my.py"
    with pytest.raises(StudyError, match=r"^plugins: must be a list, but got 'my.py'$"):
        Study(document)


def test_a_kind_has_one_owner(faults_of: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults_of(STUDENT.format(name="Mine", kind="bilstm")) == [
        "plugins: 0.py: Mine is no plug: its kind 'bilstm' is one of Distune's own; choose another name"
    ]
    assert faults_of(TINY, TINY.replace("4", "5")) == [
        "plugins: 1.py: the kind 'tiny' of student is also plugged in by 0.py; rename one"
    ]
    install(monkeypatch, "tiny", "examples.tiny:Tiny")
    assert faults_of(TINY) == [
        "plugins: 0.py: the kind 'tiny' of student is also plugged in by the package tiny-plugs; rename one"
    ]


def test_check_says_what_code_is_run(plugged: dict[str, Any]) -> None:
    lines = check(Study(plugged)).split("\n")
    assert f"  plugins: {PLUGS / 'gated.py'} is run: students gated" in lines
    assert f"  plugins: {PLUGS / 'huber.py'} is run: losses huber" in lines


def test_a_student_without_keep_units_is_not_searched_beside_prune_units(plugged: dict[str, Any]) -> None:
    plugged["trial"]["compression"] = [{"kind": "none"}, {"kind": "prune_units"}]
    with pytest.raises(
        StudyError, match=r"^trial.compression: prune_units removes units .*, and gated has no keep_units$"
    ):
        Study(plugged)


def test_each_study_has_its_own_plugs_however_many_are_read(plugged: dict[str, Any], tmp_path: Path) -> None:
    first = Study(plugged)
    (tmp_path / "other.py").write_text((PLUGS / "gated.py").read_text().replace("default=64", "default=8"))
    other = Study({**plugged, "plugins": [str(tmp_path / "other.py"), str(PLUGS / "huber.py")]})

    def features(study: Study) -> Any:
        runnable(study)
        return TrialConfig.model_validate({"student": {"kind": "gated"}}).model_dump()["student"]["features"]

    assert [features(study) for study in (first, other, first)] == [64, 8, 64]
    Study({**plugged, "plugins": [], "trial": {"student": {"kind": "average"}}})
    assert STUDENTS.find("gated") is None


def test_a_config_takes_its_file_along_to_a_process_elsewhere(plugged: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "gated.py").write_text((PLUGS / "gated.py").read_text())
    Study({**plugged, "plugins": [str(tmp_path / "gated.py"), str(PLUGS / "huber.py")]})
    config = TrialConfig.model_validate(
        {"student": {"kind": "gated", "features": 3}, "loss": {"teacher_term": {"kind": "huber", "delta": 2}}}
    )
    (tmp_path / "config").write_bytes(pickle.dumps(config))
    (tmp_path / "gated.py").unlink()
    program = (
        "import pickle; c = pickle.load(open('config', 'rb')); "
        "print(c.student.features, c.loss.teacher_term.delta, c.student.build_body(2).output_size)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "3 2.0 3\n"


def test_a_worker_is_given_the_plugs_by_their_content() -> None:
    plug_in((file := PlugFile("elsewhere/tiny.py", TINY),))
    assert str(STUDENTS.find("tiny")) == f"<class '{file.module}.Tiny'>"


def test_a_changed_plug_is_another_search(plugged: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "gated.py"
    plugged["plugins"][0] = str(file)

    def identities(content: str) -> list[Any]:
        file.write_text(content)
        study = Study(plugged)
        config = TrialConfig.model_validate({"student": {"kind": "gated"}})
        return [plug_identity(model) for _, _, model in plugs_in(study)] + [trial_files([config], None)]

    original = (PLUGS / "gated.py").read_text()
    first, again, changed = identities(original), identities(original), identities(original.replace("glu", "glu "))
    assert first == again
    assert first[0] != changed[0]
    assert first[1] == changed[1]
    assert first[2] != changed[2]
    assert "student=gated" in first[2]


def test_plugin_files_travel_and_are_named_by_their_new_place(
    plugged: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job").mkdir()
    folder = pack(Study(plugged), tmp_path / "job")
    monkeypatch.chdir(folder)
    shipped = load_study(Path("study.yaml"))
    assert [path.name.partition("-")[2] for path in shipped.config.plugins] == ["gated.py", "huber.py"]
    assert {path.parent for path in shipped.config.plugins} == {Path("files")}
    assert [kind for _, kind, _ in plugs_in(shipped)] == ["gated", "huber"]


def test_what_a_search_has_kept_is_read_without_its_plugs(plugged: dict[str, Any], tmp_path: Path) -> None:
    Study(plugged)
    raw = {"student": {"kind": "gated", "features": 3}, "loss": {"teacher_term": {"kind": "huber", "delta": 2.0}}}
    written = TrialConfig.model_validate(raw).model_dump(mode="json")
    plug_in(())
    plugged["plugins"] = ["gone.py"]
    (tmp_path / "kept.yaml").write_text(yaml.safe_dump(plugged), encoding="utf-8")
    study = kept_study(Place(str(tmp_path / "kept.yaml")))
    assert study.space.root["student"].blocks["gated"]["features"].values == (3, 4)
    kept = TrialConfig.kept(written)
    assert kept.student.kind == "gated"
    assert kept.model_dump(mode="json") == written
    with pytest.raises(StudyError, match=r"^plugins: cannot read gone.py"):
        runnable(study)


def test_what_another_version_of_a_plug_has_written_is_read_as_it_was_written(plugged: dict[str, Any]) -> None:
    Study(plugged)
    kept = TrialConfig.kept({"student": {"kind": "gated", "filters": 3}})
    assert kept.model_dump()["student"]["filters"] == 3


def test_a_plugged_student_answers_and_is_pulled_without_its_plug(plugged: dict[str, Any], tmp_path: Path) -> None:
    study = Study(plugged)
    config = TrialConfig.model_validate({"student": {"kind": "gated", "features": 3}}).student
    vectors = np.concatenate([np.zeros((1, 4)), np.random.default_rng(0).normal(size=(3, 4))]).astype(np.float32)
    checkpoint = Checkpoint(
        trained=Trained(config.build(vectors, 2).eval(), config),
        tokens={"kind": "characters", "max_tokens": 16},
        vocabulary=["[PAD]", "[UNK]", "好", "差"],
        dimension=4,
        labels=["bad", "good"],
    )
    folder = save_student(checkpoint, tmp_path / "student")
    runnable(study)
    assert isinstance(load_checkpoint(folder).trained.config, type(config))
    plug_in(())
    assert Predictor(folder, encoding.load_encoder(folder)).logits(["好差"]).shape == (1, 2)
    done = subprocess.run(
        [sys.executable, str(folder)], input="好\n", cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["label"] in ("bad", "good")
    stream = io.StringIO()
    bench(folder, None, ["好差"], Console(file=stream, width=200))
    assert "torch is left out: it needs the plug of the student gated, and bench runs none" in stream.getvalue()
    with pytest.raises(ModelError, match=r"its student is of the kind 'gated', which a plug brings, .* by --study"):
        load_checkpoint(folder)


def test_the_plugs_of_the_example_keep_the_contracts() -> None:
    study = load_study(PLUGS / "study.yaml", [f"plugins=[{PLUGS}/gated.py, {PLUGS}/huber.py]"])
    models = {kind: model for _, kind, model in plugs_in(study)}
    check_student(models["gated"].model_validate({"kind": "gated", "features": 3}))  # type: ignore[arg-type]
    check_loss(models["huber"].model_validate({"kind": "huber"}))  # type: ignore[arg-type]


def test_a_trial_from_python_runs_the_plugs_as_the_study_read_them(document: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "gated.py"
    file.write_text((PLUGS / "gated.py").read_text())
    trial = {**document["trial"], "student": {"kind": "gated", "features": 4}, "epochs": 1}
    study = Study({**document, "plugins": [str(file)], "trial": trial})
    file.unlink()
    assert distune.run_trial(study).best_epoch == 1
