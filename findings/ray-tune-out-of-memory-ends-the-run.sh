#!/usr/bin/env bash
# Ray's memory monitor ends a worker whose machine is nearly out of memory. Where that worker is in the middle of a trial, `Tuner.fit` raises a RuntimeError
# and all trials end with it; FailureConfig(max_failures=...) is not asked. A worker that is killed in another way counts as a failure of its one trial: it is
# begun again, and then is an errored trial in the results of a `fit` that returns. (Tune's manager of actors takes RayActorError and RayTaskError,
# and OutOfMemoryError is neither. A worker that is ended before its training began is a failure of its trial.)
#
# Seen with ray 2.60.0:
#   killed by a signal: fit returns, errored trials 1
#   ended by the memory monitor: fit raises RuntimeError, caused by OutOfMemoryError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "ray[tune]==2.60.0" "psutil==7.2.2" "setuptools<82"
export RAY_AUTH_MODE=disabled TUNE_DISABLE_AUTO_CALLBACK_LOGGERS=1 RAY_TMPDIR="$work"
unset RAY_ADDRESS
cat > "$work/run.py" << 'PYTHON'
import os
import signal
import sys
import time

import psutil
import ray
from ray import tune


def killed(config):
    tune.report({"begun": 1})
    os.kill(os.getpid(), signal.SIGKILL)


def greedy(config):
    tune.report({"begun": 1})
    held = []
    for _ in range(120):
        held.append(b"x" * 50_000_000)
        time.sleep(0.1)


memory = psutil.virtual_memory()
threshold = (memory.total - memory.available + 1.5e9) / memory.total
way, folder = sys.argv[1:]
ray.init(
    address="local",
    num_cpus=1,
    include_dashboard=False,
    log_to_driver=False,
    logging_level="ERROR",
    _system_config={"memory_usage_threshold": threshold, "memory_monitor_refresh_ms": 100},
)
tuner = tune.Tuner(
    {"killed": killed, "greedy": greedy}[way],
    run_config=tune.RunConfig(storage_path=folder, verbose=0, failure_config=tune.FailureConfig(max_failures=1)),
)
try:
    print(f"RESULT fit returns, errored trials {tuner.fit().num_errors}")
except Exception as error:
    print(f"RESULT fit raises {type(error).__name__}, caused by {type(error.__cause__).__name__}")
PYTHON
echo "ray $("$work/venv/bin/python" -c 'import ray; print(ray.__version__)')"
of() { "$work/venv/bin/python" "$work/run.py" "$1" "$work/$1" 2> "$work/$1.log" | sed -n 's/^RESULT //p'; }
killed=$(of killed)
greedy=$(of greedy)
echo "killed by a signal: $killed"
echo "ended by the memory monitor: $greedy"
[ "$killed" = "fit returns, errored trials 1" ]
[ "$greedy" = "fit raises RuntimeError, caused by OutOfMemoryError" ]
