"""Students and losses that installed packages bring by entry points."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from distune._plug_files import PlugFile
from distune.plugs import StudentShape
from distune.tuning.checks import check
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.plugs import plug_identity
from tests.making.plugs import PLUGS, TINY, install, nothing_stays_plugged

ROOT = Path(__file__).resolve().parents[2]
__all__ = ["nothing_stays_plugged"]  # A fixture.


class Installed(StudentShape, frozen=True):
    """What the entry point names."""

    kind: Literal["installed"]

    def build_body(self, n_inputs: int) -> Any:
        from distune.models.students.average import NoBody

        return NoBody(n_inputs)


def test_a_plug_of_an_installed_package_needs_no_plugins(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "installed", f"{__name__}:Installed")
    document["trial"]["student"] = {"kind": "installed"}
    assert "plugins: the package tiny-plugs 1.2 is run: students installed" in check(Study(document))
    config = TrialConfig.model_validate({"student": {"kind": "installed"}})
    assert pickle.loads(pickle.dumps(config)) == config
    assert plug_identity(Installed) == PlugFile("", Path(__file__).read_text(encoding="utf-8")).digest
    document["trial"]["student"] = {"kind": "instaled"}
    with pytest.raises(StudyError, match=r"must be one of .*'transformer', 'installed', but got 'instaled'"):
        Study(document)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (
            "other",
            f"{__name__}:Installed",
            "is called 'other', but its kind is 'installed'; the two must be one",
        ),
        (
            "other",
            "tests.whole.test_installed_plugs:PLUGS",
            "is no plug: it does not extend distune.plugs.StudentShape",
        ),
        (
            "other",
            "tests.no_such_module:X",
            "cannot be imported: ModuleNotFoundError: No module named 'tests.no_such_module'",
        ),
    ],
)
def test_an_entry_point_that_is_no_plug_is_refused_in_a_line(
    name: str, value: str, reason: str, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, name, value)
    document["trial"]["student"] = {"kind": name}
    with pytest.raises(StudyError) as caught:
        Study(document)
    where = f"trial.student: {value} of the package tiny-plugs (distune.students) {reason}"
    assert str(caught.value).startswith(where)
    assert "\n" not in str(caught.value)


def test_an_entry_point_called_as_one_of_ours_is_refused_by_check(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "bilstm", f"{__name__}:Installed")
    with pytest.raises(
        ValueError, match=r"the package tiny-plugs plugs in the kind 'bilstm' \(distune.students\), which is one"
    ):
        check(study)


def test_a_package_that_is_really_installed_is_found_and_imported_when_it_is_named(
    document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    about = site / "tiny_plugs-1.2.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-plugs\nVersion: 1.2\n")
    points = "[distune.students]\ntiny = tiny_plugs:Tiny\nother = no_such_module:Other\n[distune.losses]\nhuber = huber:HuberConfig\n"
    (about / "entry_points.txt").write_text(points)
    (site / "tiny_plugs.py").write_text(TINY)
    (site / "huber.py").write_text((PLUGS / "huber.py").read_text())
    document["trial"]["student"] = [{"kind": "tiny", "size": {"choice": [1, 2]}}, {"kind": "average"}]
    document["trial"]["loss"]["teacher_term"] = {"kind": "huber"}

    def checked() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "distune", "check", str(write_study(document))]
        environment = {**os.environ, "PYTHONPATH": str(site)}
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)

    done = checked()
    assert "plugins: the package tiny-plugs 1.2 is run: students tiny" in done.stdout, done.stderr
    assert "plugins: the package tiny-plugs 1.2 is run: losses huber" in done.stdout
    (about / "entry_points.txt").write_text(points.replace("other =", "textcnn ="))
    refused = checked()
    assert refused.returncode == 2
    assert refused.stderr.strip().endswith(
        "the package tiny-plugs plugs in the kind 'textcnn' (distune.students), which is one of Distune's own; uninstall it, or "
        "have it renamed"
    )
    assert "Traceback" not in refused.stderr


def test_installed_packages_are_asked_only_for_kinds_that_are_not_ours() -> None:
    program = (
        "import distune._kinds; distune._kinds.installed = None\n"
        "from distune.tuning.study.file import load_study; from pathlib import Path; import sys\n"
        "load_study(Path('examples/wide.yaml')); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
