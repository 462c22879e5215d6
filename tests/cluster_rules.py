"""What a cluster file must keep to: each rule is a function from a file to its faults."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from pydantic import ValidationError
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.kuberay import RayCluster, RayJob

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "cluster" / "files"
LAUNCHER = ("onprem.yaml", "aws.yaml")
KUBERAY = ("raycluster.yaml", "rayjob.yaml")
KUBERNETES = "1.34"
SECRETS = r"(?:AWS_\w+|MLFLOW_TRACKING_\w+|RAY_AUTH_TOKEN|auth_token)"
OPENERS = ["0.0.0.0", "::", "LoadBalancer", "NodePort", "hostNetwork", "hostPort", "enableIngress", "ipBlock", "10001"]
CAPACITY = "karpenter.sh/capacity-type"
Document = dict[str, Any]


@dataclass(frozen=True)
class ClusterFile:
    """One YAML file."""

    name: str
    text: str

    @property
    def documents(self) -> list[Document]:
        return list(yaml.safe_load_all(self.text))

    @property
    def spec(self) -> Document:
        """A RayCluster's spec, which a RayJob carries inside."""
        spec: Document = self.documents[0]["spec"]
        return spec.get("rayClusterSpec", spec)

    @property
    def templates(self) -> dict[str, Document]:
        """Every pod template by its group's name."""
        found = {"head": self.spec["headGroupSpec"]["template"]}
        found |= {group["groupName"]: group["template"] for group in self.spec["workerGroupSpecs"]}
        submitter = self.documents[0]["spec"].get("submitterPodTemplate")
        return {**found, "submitter": submitter} if submitter else found

    @property
    def containers(self) -> dict[str, Document]:
        return {group: template["spec"]["containers"][0] for group, template in self.templates.items()}


def read(name: str) -> ClusterFile:
    return ClusterFile(name, (FOLDER / name).read_text(encoding="utf-8"))


def not_by_the_schemas(file: ClusterFile) -> list[str]:
    if file.name in LAUNCHER:
        try:
            validate_config(prepare_config(file.documents[0]))
        except (jsonschema.ValidationError, ValueError) as error:
            return [str(error)]
        return []
    first, *others = file.documents
    try:
        {"RayCluster": RayCluster, "RayJob": RayJob}[first["kind"]].model_validate(first)
    except ValidationError as error:
        return [str(error)]
    pods = [{"apiVersion": "v1", "kind": "Pod", **template} for template in file.templates.values()]
    faults = []
    for document in (*pods, *others):
        try:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            faults.append(error.message)
    return faults


def node_types(file: ClusterFile) -> Document:
    """Groups of nodes as Ray's autoscaler reads them, without the head."""
    if file.name in LAUNCHER:
        config = prepare_config(file.documents[0])
    else:
        cluster = {"metadata": {"name": "distune", "namespace": "default"}, "spec": file.spec}
        config = _derive_autoscaling_config_from_ray_cr(cluster)
    return {name: kind for name, kind in config["available_node_types"].items() if name != config["head_node_type"]}


def without_a_token(file: ClusterFile) -> list[str]:
    if file.name in LAUNCHER:
        config = file.documents[0]
        wanted = {"--env=RAY_AUTH_MODE=token", "/home/distune/.ray/auth_token"}
        return sorted(wanted - {*config["docker"]["run_options"], *config["file_mounts"]})
    faults = [] if file.spec["authOptions"] == {"mode": "token", "secretName": "distune-secrets"} else ["authOptions"]
    token = {"name": "RAY_AUTH_MODE", "value": "token"}
    return faults + [group for group, container in file.containers.items() if token not in container["env"]]


def open_doors(file: ClusterFile) -> list[str]:
    code = "\n".join(line.split(" #")[0] for line in file.text.splitlines() if not line.lstrip().startswith("#"))
    faults = [word for word in OPENERS if word in code]
    return faults + (_open_launcher(file) if file.name in LAUNCHER else _open_pods(file))


def _open_launcher(file: ClusterFile) -> list[str]:
    config = file.documents[0]
    faults = [] if "--dashboard-host=127.0.0.1" in config["head_start_ray_commands"][-1] else ["the dashboard"]
    # Without a group of one's own Ray makes one, and lets everybody reach ssh.
    groups = config.get("available_node_types", {})
    return faults + [name for name, group in groups.items() if not group["node_config"].get("SecurityGroupIds")]


def _open_pods(file: ClusterFile) -> list[str]:
    faults = [] if file.spec["headGroupSpec"]["serviceType"] == "ClusterIP" else ["the head's Service"]
    policies = [document["spec"] for document in file.documents if document["kind"] == "NetworkPolicy"]
    closed = [policy["podSelector"]["matchLabels"] for policy in policies if "Ingress" in policy["policyTypes"]]
    for group, template in file.templates.items():
        labels = template["metadata"]["labels"].items()
        if not any(wanted.items() <= labels for wanted in closed):
            faults.append(f"{group} is in no NetworkPolicy")
    rules = [rule for policy in policies for rule in policy["ingress"]]
    return faults + [f"anybody: {rule}" for rule in rules if not _is_for_named_pods(rule)]


def _is_for_named_pods(rule: Document) -> bool:
    peers = rule.get("from", [])
    return bool(peers) and all(peer.get("podSelector", {}).get("matchLabels") for peer in peers)


def written_secrets(file: ClusterFile) -> list[str]:
    given = re.findall(rf"({SECRETS}\s*[:=]\s*[^\s~].*)", file.text) + re.findall(r"AKIA[0-9A-Z]{16}", file.text)
    named = [entry["name"] for entry in _mappings(file.documents) if "value" in entry and "name" in entry]
    return given + [name for name in named if re.fullmatch(SECRETS, name)] + re.findall("kind: Secret", file.text)


def _mappings(node: Any) -> Iterator[Document]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _mappings(inner)


def wrongly_spot(file: ClusterFile) -> list[str]:
    """The head or the latency node, where they may be taken away; no group at all, where none is spot."""
    if file.name == "onprem.yaml":
        return []
    if file.name == "aws.yaml":
        groups = file.documents[0]["available_node_types"]
        spot = {name for name, group in groups.items() if "InstanceMarketOptions" in group["node_config"]}
        return sorted(spot & {"head", "latency"}) if "cpu" in spot else ["none is spot"]
    kinds = {
        group: template["spec"].get("nodeSelector", {}).get(CAPACITY) for group, template in file.templates.items()
    }
    wanted = {"head": "on-demand", "latency": "on-demand", "cpu": "spot"}
    return [group for group, kind in wanted.items() if kinds[group] != kind]


def wrong_latency_nodes(file: ClusterFile) -> list[str]:
    if file.name == "onprem.yaml":
        hosts = file.documents[0]["provider"]["worker_ips"]
        offers = {host: ray_start(file, "worker_start_ray_commands", host) for host in hosts}
        timed = [options for options in offers.values() if '--resources={"latency": 1}' in options]
        return [] if len(timed) == 1 and "--num-cpus=0" in timed[0] else [str(offers)]
    timed = [kind for kind in node_types(file).values() if "latency" in kind["resources"]]
    wanted = {"CPU": 0, "latency": 1}
    one = len(timed) == 1 and timed[0]["min_workers"] == timed[0]["max_workers"] == 1
    return [] if one and wanted.items() <= timed[0]["resources"].items() else [str(timed)]


def ray_start(file: ClusterFile, commands: str, host: str, secrets: str = "") -> list[str]:
    """The options that `ray start` gets on a host: its command run by bash, beside programs that only look like them.

    After them come the environment's MLFLOW_ and OMP_ variables.
    """
    command = file.documents[0][commands][-1].replace("/home/distune/.distune/secrets.env", "/dev/stdin")
    stand_ins = f'hostname() {{ echo "172.17.0.1 {host} "; }}; ray() {{ printf "%s\\n" "$@"; env | grep -E "^(MLFLOW|OMP)_"; }}; '
    environment = {"PATH": os.environ["PATH"], "RAY_HEAD_IP": "192.168.1.10", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-c", stand_ins + command], env=environment, input=secrets, capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines()


def unbounded_memory(file: ClusterFile) -> list[str]:
    if file.name in LAUNCHER:
        return []
    asked = {group: container["resources"] for group, container in file.containers.items()}
    asked["autoscaler"] = file.spec["autoscalerOptions"]["resources"]
    return [group for group, there in asked.items() if there["requests"]["memory"] != there["limits"]["memory"]]


def privileged(file: ClusterFile) -> list[str]:
    if file.name in LAUNCHER:
        return [word for word in ("--privileged", "--user", "docker.sock") if word in file.text]
    asked = {group: container["securityContext"] for group, container in file.containers.items()}
    asked["autoscaler"] = file.spec["autoscalerOptions"]["securityContext"]
    wanted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pods = {group: template["spec"]["securityContext"] for group, template in file.templates.items()}
    roots = [group for group, pod in pods.items() if not pod.get("runAsNonRoot") or not pod.get("runAsUser")]
    return roots + [group for group, context in asked.items() if context != wanted]


RULES: tuple[Callable[[ClusterFile], list[str]], ...] = (
    not_by_the_schemas,
    without_a_token,
    open_doors,
    written_secrets,
    wrongly_spot,
    wrong_latency_nodes,
    unbounded_memory,
    privileged,
)
