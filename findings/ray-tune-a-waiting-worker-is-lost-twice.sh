#!/usr/bin/env bash
# With `reuse_actors=True` a worker waits for the next trial after the one that has ended. If it is killed meanwhile, the next trial is an errored trial
# at once, whatever FailureConfig(max_failures=...) allows. A worker that is killed in the middle of a trial costs a failure, and the trial begins again.
# (Tune's controller hears of the waiting worker's end twice, by its actor and by the request to take the next trial on. For the first it queues the
# trial again; the second finds a trial that is pending, and pending trials are not recovered.)
#
# Seen with ray 2.60.0, three trials, max_failures=3:
#   killed in the middle of the second trial: ended well 3 of 3
#   killed between the first and the second trial: ended well 2 of 3
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "ray[tune]==2.60.0" "setuptools<82"
export RAY_AUTH_MODE=disabled TUNE_DISABLE_AUTO_CALLBACK_LOGGERS=1 RAY_TMPDIR="$work"
unset RAY_ADDRESS
cat > "$work/run.py" << 'PYTHON'
import os
import signal
import sys

import ray
from ray import tune

way, folder = sys.argv[1:]


def train(config):
    marker = os.path.join(folder, "was-killed")
    tune.report({"process": os.getpid()})
    if way == "within" and config["number"] == 1 and not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)


class KillsAfterTheFirst(tune.Callback):
    has_killed = False

    def on_trial_complete(self, iteration, trials, trial, **info):
        if way == "between" and not self.has_killed:
            self.has_killed = True
            os.kill(trial.last_result["process"], signal.SIGKILL)


ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
found = tune.Tuner(
    train,
    param_space={"number": tune.grid_search([0, 1, 2])},
    tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=1),
    run_config=tune.RunConfig(
        storage_path=folder,
        verbose=0,
        callbacks=[KillsAfterTheFirst()],
        failure_config=tune.FailureConfig(max_failures=3),
    ),
).fit()
print(f"RESULT ended well {sum(one.error is None for one in found)} of {len(found)}")
PYTHON
echo "ray $("$work/venv/bin/python" -c 'import ray; print(ray.__version__)')"
of() {
    mkdir "$work/$1"
    "$work/venv/bin/python" "$work/run.py" "$1" "$work/$1" 2> "$work/$1.log" | sed -n 's/^RESULT //p'
}
within=$(of within)
between=$(of between)
echo "killed in the middle of the second trial: $within"
echo "killed between the first and the second trial: $between"
[ "$within" = "ended well 3 of 3" ]
[ "$between" = "ended well 2 of 3" ]
