"""Searches whose disk fills up at every phase, then are resumed once there is room: a real tmpfs, which takes root to mount.

    python -m benchmarks.cluster.full_disk [--phases cache ...]

Storage, MLflow's database and the temporary folder lie on a file system of their own that is filled to the last byte. Checks that
the driver ends by itself with 1 and one line that says so, without a traceback; that nothing unfinished is left; and that
`--resume` ends well with every trial there once. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.cluster.chaos import ROOT, faults_of, n_done, write_study

SIZE_MB = 256
N_TRIALS, EPOCHS = 6, 8
ENDS_WITHIN_S = 180


@contextmanager
def small_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="distune-full-") as made:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", made], check=True)
        try:
            yield Path(made)
        finally:
            subprocess.run(["umount", "-l", made], check=True)


def fill(disk: Path) -> None:
    """Take every byte that is left."""
    with (disk / "filler").open("ab", buffering=0) as filler, contextlib.suppress(OSError):
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while filler.write(b"x" * size) == size:
                    pass


def moments(root: Path) -> dict[str, Callable[[], bool]]:
    """Each phase of a search, and how it is known from outside that it has begun."""
    folder, log = root / "storage" / "searches" / "chaos" / "1", root / "driver.log"
    return {
        "cache": (root / "storage" / "logits").is_dir,
        "beginning": folder.is_dir,
        "first trials": lambda: folder.is_dir() and n_done(root) >= 1,
        "later trials": lambda: folder.is_dir() and n_done(root) >= 4,
        "finalists": lambda: "finalists: 1/" in log.read_text(encoding="utf-8"),
        "timing": (folder / "finalists").is_dir,
        "results": (folder / "results.json").is_file,
        "publishing": (folder / "report.html").is_file,
        "registering": lambda: any((root / "mlartifacts" / "models").glob("*")),
        "before it starts": lambda: True,
    }


def start(root: Path, *options: str) -> subprocess.Popen[bytes]:
    with (root / "driver.log").open("ab") as log:
        command = [sys.executable, "-m", "distune", "search", str(root / "study.yaml"), *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(root / "tmp")}
        return subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)


def run_one(phase: str, root: Path, log_root: Path) -> list[str]:
    """The faults of one search whose disk fills up in a phase."""
    write_study(root, "local", 1, N_TRIALS, EPOCHS)
    (root / "tmp").mkdir()
    (root / "driver.log").symlink_to(log_root / "driver.log")  # What is said must have room.
    (log_root / "driver.log").touch()
    has_come, deadline = moments(root)[phase], time.monotonic() + 300
    driver = start(root)
    while not has_come():
        if driver.poll() is not None or time.monotonic() > deadline:
            driver.kill()
            return [f"the driver ended with {driver.returncode} before {phase}"]
        time.sleep(0.02)
    fill(root)
    faults = []
    try:
        code = driver.wait(timeout=ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        code = None
        faults.append(f"the driver had not ended {ENDS_WITHIN_S} s after the disk was full")
    said = (log_root / "driver.log").read_text(encoding="utf-8")
    (log_root / "driver.log").rename(log_root / "first.log")
    (log_root / "driver.log").touch()
    faults += ["there is a traceback"] if "Traceback" in said else []
    if code == 0:  # It had written all.
        return [*faults, *(f"after it: {fault}" for fault in faults_of(root, {}, N_TRIALS, EPOCHS))]
    if code not in (1, None):
        faults.append(f"the driver ended with {code}")
    if not re.search(r"distune: cannot write .*: no space is left; .* MB are free there", said):
        faults.append("it did not say what, where and how much is free")
    left = [*root.glob("storage/**/*.unfinished"), *root.glob("storage/**/.*"), *root.glob("tmp/distune-*")]
    faults += [f"{path} is left" for path in left]
    (root / "filler").unlink()
    began = (root / "storage" / "searches" / "chaos" / "1").is_dir()
    resumed = start(root, *(["--resume"] if began else []))
    if (code := resumed.wait(timeout=600)) != 0:
        return [*faults, f"the resumed driver ended with {code}"]
    return [*faults, *faults_of(root, {}, N_TRIALS, EPOCHS)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phases", nargs="*", default=[])
    parser.add_argument("--keep-logs", type=Path)
    options = parser.parse_args(arguments)
    phases = options.phases or list(moments(Path()))
    n_whole = 0
    for phase in phases:
        with small_disk() as root, tempfile.TemporaryDirectory() as made:
            log_root = Path(made)
            if options.keep_logs:
                log_root = options.keep_logs / phase.replace(" ", "-")
                log_root.mkdir(parents=True, exist_ok=True)
            began = time.monotonic()
            faults = run_one(phase, root, log_root)
        n_whole += not faults
        print(f"{phase}: {time.monotonic() - began:.0f} s: {'; '.join(faults) or 'no fault'}", flush=True)
    result: dict[str, Any] = {"searches": len(phases), "whole": n_whole}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
