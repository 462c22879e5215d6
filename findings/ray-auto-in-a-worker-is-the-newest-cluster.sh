#!/usr/bin/env bash
# A program that an actor of one Ray cluster starts, and that calls `ray.init("auto")`, joins another cluster where one was started on the same
# machine since. "auto" is found by a file that the newest `ray start` has written, and a worker's environment does not name the cluster that the
# worker belongs to (a job's does, as RAY_ADDRESS). Whoever starts a driver from an actor has to hand on
# `ray.get_runtime_context().gcs_address` as RAY_ADDRESS.
#
# Seen with ray 2.60.0:
#   the actor's cluster: first
#   "auto" in a program that the actor starts: second
#   the same with RAY_ADDRESS of the actor's cluster: first
set -euo pipefail
work=$(mktemp -d)
end() {
    for head in "${heads[@]}"; do kill "$head" 2> /dev/null || true; done
    wait 2> /dev/null || true
    rm -rf "$work"
}
heads=()
trap end EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "ray[default]==2.60.0" "setuptools<82"
export PATH="$work/venv/bin:$PATH" RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO=0 RAY_AUTH_MODE=disabled
unset RAY_ADDRESS

free_port() { python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
start() { # a head at a port, which answers when this returns
    ray start --head --block --port="$1" --num-cpus=1 --include-dashboard=false \
        --ray-client-server-port="$(free_port)" --dashboard-agent-listen-port="$(free_port)" \
        --disable-usage-stats > "$work/$1.log" 2>&1 &
    heads+=($!)
    until grep -qs "Ray runtime started" "$work/$1.log"; do
        kill -0 "${heads[-1]}" || { cat "$work/$1.log"; exit 2; }
        sleep 1
    done
}
first=$(free_port)
start "$first"
second=$(free_port)
start "$second"
python - "$first" "$second" << 'PYTHON'
import os
import subprocess
import sys

import ray

print("ray", ray.__version__)
names = {sys.argv[1]: "first", sys.argv[2]: "second"}
JOIN = "import ray; ray.init('auto', logging_level='ERROR'); print(ray.get_runtime_context().gcs_address)"


@ray.remote(num_cpus=0)
class Starter:
    def own(self):
        return ray.get_runtime_context().gcs_address

    def joined(self, **environment):
        asked = [sys.executable, "-c", JOIN]
        return subprocess.run(asked, env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout.split()[-1]


ray.init(f"{ray.util.get_node_ip_address()}:{sys.argv[1]}", logging_level="ERROR")
starter = Starter.remote()
own = ray.get(starter.own.remote())
found = [own, ray.get(starter.joined.remote()), ray.get(starter.joined.remote(RAY_ADDRESS=own))]
shown = [names[address.rpartition(":")[2]] for address in found]
print("the actor's cluster:", shown[0])
print('"auto" in a program that the actor starts:', shown[1])
print("the same with RAY_ADDRESS of the actor's cluster:", shown[2])
sys.exit(shown != ["first", "second", "first"])
PYTHON
