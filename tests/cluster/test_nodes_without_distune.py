"""A node whose Python has the packages that Distune needs and not Distune runs a trial: Ray's py_modules bring the code, through the
links of distune/."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ray_nodes import ray_nodes

pytestmark = pytest.mark.long
PROGRAM = """
import json, sys, time
import ray
from distune.cluster.config import ClusterConfig
from distune.cluster.connection import connected
from distune.tuning.shipping import packages

def one_trial(document):
    import sys
    import distune
    from distune.tuning.search import worker
    study = distune.load_study(document)
    student = {"kind": "average", "hidden_layer": 2}
    result = distune.run_trial(study, student=student, epochs=1)
    return {"python": sys.prefix, "code": worker.__file__, "best_epoch": result.best_epoch}

ray.init(sys.argv[1], logging_level="ERROR")
while not ray.cluster_resources().get("CPU"):  # The node is on its way.
    time.sleep(1)
ray.shutdown()
with connected(ClusterConfig(address=sys.argv[1]), packages()):
    print(json.dumps(ray.get(ray.remote(one_trial).options(num_cpus=1).remote(json.load(open("study.json"))))))
"""


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An environment with every package of this one; an editable Distune stands in none of their folders."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    (site,) = (tmp_path / "bare" / "lib").glob("python*/site-packages")
    folders = [path for path in sys.path if path.endswith("site-packages")]
    (site / "packages.pth").write_text("".join(f"{path}\n" for path in folders))
    return tmp_path / "bare"


def test_a_trial_runs_where_only_py_modules_bring_the_code(
    bare: Path, document: dict[str, Any], tmp_path: Path
) -> None:
    found = subprocess.run(
        [str(bare / "bin" / "python"), "-c", "import torch, ray; import distune"],
        capture_output=True,
        text=True,
        check=False,
        cwd=bare,
    )
    assert found.stderr.endswith("No module named 'distune'\n")
    # In a folder of its own: Ray has workers look where the driver's program lies.
    place = tmp_path / "driver"
    place.mkdir()
    (place / "program.py").write_text(PROGRAM)
    (place / "study.json").write_text(json.dumps(document))
    with ray_nodes(tmp_path, 0) as nodes:
        command = "import sys; sys.argv[0] = 'ray'; from ray.scripts.scripts import main; main()"
        options = ["start", "--block", "--disable-usage-stats", f"--address={nodes.address}", "--num-cpus=1"]
        worker = subprocess.Popen(
            [str(bare / "bin" / "python"), "-c", command, *options, "--object-store-memory=200000000"],
            env=nodes.environment,
            cwd=bare,
            start_new_session=True,
        )
        nodes.processes.append(worker)
        done = subprocess.run(
            [sys.executable, str(place / "program.py"), nodes.address],
            cwd=place,
            env=nodes.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["python"] == str(bare)
    assert "py_modules_files" in said["code"]
    assert said["best_epoch"] == 1
