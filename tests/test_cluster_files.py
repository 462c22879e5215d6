"""The cluster files, offline: valid by Ray's and Kubernetes' own schemas, doors closed, one latency node.

Each rule is a function from a file to its faults: none in the files as they are, some in copies that were broken.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jsonschema
import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel, Field, ValidationError
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import prepare_config, validate_config

from cluster.jobs import NAME
from tuning.cli import _parser

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


class Strict(BaseModel, frozen=True, extra="forbid"):
    """Fields of KubeRay's API ray.io/v1 that the files use, and no others."""


class AuthOptions(Strict):
    mode: Literal["disabled", "token"]
    secretName: str


class AutoscalerOptions(Strict):
    version: Literal["v1", "v2"]
    idleTimeoutSeconds: int = Field(ge=0)
    resources: Document
    securityContext: Document


class HeadGroup(Strict):
    serviceType: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]
    rayStartParams: dict[str, str]
    template: Document


class WorkerGroup(Strict):
    groupName: str
    replicas: int = Field(ge=0)
    minReplicas: int = Field(ge=0)
    maxReplicas: int = Field(ge=0)
    rayStartParams: dict[str, str]
    template: Document


class RayClusterSpec(Strict):
    rayVersion: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    authOptions: AuthOptions
    enableInTreeAutoscaling: bool
    autoscalerOptions: AutoscalerOptions
    headGroupSpec: HeadGroup
    workerGroupSpecs: list[WorkerGroup]


class SubmitterConfig(Strict):
    backoffLimit: int = Field(ge=0)


class RayJobSpec(Strict):
    entrypoint: str
    backoffLimit: int = Field(ge=0)
    submitterConfig: SubmitterConfig
    preRunningDeadlineSeconds: int = Field(ge=1)
    activeDeadlineSeconds: int = Field(ge=1)
    shutdownAfterJobFinishes: Literal[True]
    ttlSecondsAfterFinished: int = Field(ge=0)
    metadata: dict[str, str]
    submitterPodTemplate: Document
    rayClusterSpec: RayClusterSpec


class Metadata(Strict):
    name: str = Field(pattern=r"^[a-z][-a-z0-9]*$")


class RayCluster(Strict):
    apiVersion: Literal["ray.io/v1"]
    kind: Literal["RayCluster"]
    metadata: Metadata
    spec: RayClusterSpec


class RayJob(Strict):
    apiVersion: Literal["ray.io/v1"]
    kind: Literal["RayJob"]
    metadata: Metadata
    spec: RayJobSpec


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
    not_by_the_schemas, without_a_token, open_doors, written_secrets, wrongly_spot, wrong_latency_nodes,
    unbounded_memory, privileged,
)  # fmt: skip


@pytest.mark.parametrize("name", [*LAUNCHER, *KUBERAY])
@pytest.mark.parametrize("rule", RULES)
def test_no_file_breaks_a_rule(rule: Callable[[ClusterFile], list[str]], name: str) -> None:
    assert rule(read(name)) == []


BROKEN = [
    (not_by_the_schemas, "onprem.yaml", "cluster_name", "cluster_nam"),
    (not_by_the_schemas, "aws.yaml", "min_workers: 0", "min_workers: none"),
    (not_by_the_schemas, "aws.yaml", "head_node_type: head", "head_node_type: master"),
    (not_by_the_schemas, "raycluster.yaml", "authOptions", "authOption"),
    (not_by_the_schemas, "raycluster.yaml", "tolerations", "toleration"),
    (not_by_the_schemas, "raycluster.yaml", "topologyKey", "topology"),
    (not_by_the_schemas, "rayjob.yaml", "volumeMounts", "volumeMount"),
    (not_by_the_schemas, "rayjob.yaml", "  backoffLimit: 3", '  backoffLimit: "none"'),
    (not_by_the_schemas, "rayjob.yaml", "policyTypes", "policies"),
    (without_a_token, "onprem.yaml", "RAY_AUTH_MODE=token", "RAY_AUTH_MODE=disabled"),
    (without_a_token, "aws.yaml", "/home/distune/.ray/auth_token", "/home/distune/auth_token"),
    (without_a_token, "raycluster.yaml", "mode: token", "mode: disabled"),
    (without_a_token, "rayjob.yaml", "RAY_AUTH_MODE, value: token", "RAY_AUTH_MODE, value: disabled"),
    (open_doors, "onprem.yaml", "--dashboard-host=127.0.0.1", "--dashboard-host=0.0.0.0"),
    (open_doors, "onprem.yaml", "--dashboard-host=127.0.0.1", ""),
    (open_doors, "aws.yaml", "SecurityGroupIds: *groups", "SecurityGroupIds: []"),
    (open_doors, "raycluster.yaml", "serviceType: ClusterIP", "serviceType: LoadBalancer"),
    (open_doors, "raycluster.yaml", "labels: {distune: cluster}", "labels: {distune: other}"),
    (open_doors, "raycluster.yaml", "from: [{podSelector: {matchLabels: {distune: cluster}}}]", "from: [{podSelector: {}}]"),
    (open_doors, "rayjob.yaml", "containerPort: 8265}", "containerPort: 8265, hostPort: 8265}"),
    (open_doors, "rayjob.yaml", "    - from: [{podSelector: {matchLabels: {distune: search}}}]", "    - {}"),
    (written_secrets, "onprem.yaml", "--env=RAY_AUTH_MODE=token", "--env=RAY_AUTH_TOKEN=0123456789"),
    (written_secrets, "aws.yaml", "type: aws", "type: aws\n  AWS_SECRET_ACCESS_KEY: abc"),
    (written_secrets, "raycluster.yaml", "name: RAY_AUTH_MODE, value: token", "name: MLFLOW_TRACKING_PASSWORD, value: x"),
    (written_secrets, "rayjob.yaml", "kind: NetworkPolicy", "kind: Secret"),
    (wrongly_spot, "aws.yaml", "CpuOptions: {CoreCount: 4, ThreadsPerCore: 1}", "InstanceMarketOptions: {MarketType: spot}"),
    (wrongly_spot, "aws.yaml", "InstanceMarketOptions: {MarketType: spot}", ""),
    (wrongly_spot, "raycluster.yaml", "on-demand", "spot"),
    (wrongly_spot, "rayjob.yaml", "nodeSelector: {karpenter.sh/capacity-type: on-demand}", ""),
    (wrong_latency_nodes, "onprem.yaml", '*" 192.168.1.13 "*', '*" 192.168.1.14 "*'),
    (wrong_latency_nodes, "onprem.yaml", '*" 192.168.1.13 "*', "*"),
    (wrong_latency_nodes, "onprem.yaml", "set -- --num-cpus=0", "set --"),
    (wrong_latency_nodes, "aws.yaml", "{CPU: 0, latency: 1}", "{latency: 1}"),
    (wrong_latency_nodes, "aws.yaml", "resources: {}", "resources: {CPU: 0, latency: 1}"),
    (wrong_latency_nodes, "raycluster.yaml", 'num-cpus: "0", resources', 'num-cpus: "1", resources'),
    (wrong_latency_nodes, "raycluster.yaml", "maxReplicas: 1", "maxReplicas: 2"),
    (wrong_latency_nodes, "rayjob.yaml", r'{\"latency\": 1}', r'{\"latencies\": 1}'),
    (unbounded_memory, "raycluster.yaml", "limits: {cpu: 500m, memory: 1Gi}", "limits: {cpu: 500m, memory: 2Gi}"),
    (unbounded_memory, "rayjob.yaml", 'limits: {cpu: "8", memory: 16Gi}', 'limits: {cpu: "8", memory: 32Gi}'),
    (privileged, "onprem.yaml", "--ulimit", "--privileged --ulimit"),
    (privileged, "raycluster.yaml", "runAsNonRoot: true", "runAsNonRoot: false"),
    (privileged, "rayjob.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "name", "old", "new"), BROKEN)
def test_a_broken_copy_breaks_its_rule(rule: Callable[[ClusterFile], list[str]], name: str, old: str, new: str) -> None:
    file = read(name)
    assert old in file.text
    assert rule(ClusterFile(name, file.text.replace(old, new))) != []


@pytest.mark.parametrize("name", LAUNCHER)
@pytest.mark.parametrize("commands", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_secrets_reach_ray_as_they_are_and_threads_are_rays_to_set(name: str, commands: str) -> None:
    secrets = "MLFLOW_TRACKING_USERNAME=search\nMLFLOW_TRACKING_PASSWORD=a $b 'c' \"d\" #e"
    options = ray_start(read(name), commands, "192.168.1.11", secrets)
    assert options[0] == "start"
    assert sorted(option for option in options if option.startswith(("MLFLOW", "OMP"))) == sorted(secrets.splitlines())


@pytest.mark.parametrize("name", KUBERAY)
def test_the_latency_node_has_its_machine_for_itself(name: str) -> None:
    file = read(name)
    affinity = file.templates["latency"]["spec"]["affinity"]["podAntiAffinity"]
    rule = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    assert [one["topologyKey"] for one in rule] == ["kubernetes.io/hostname"]
    keys = {expression["key"] for one in rule for expression in one["labelSelector"]["matchExpressions"]}
    assert all(keys <= template["metadata"]["labels"].keys() for template in file.templates.values())
    resources = file.containers["latency"]["resources"]
    assert resources["requests"] == resources["limits"]


@pytest.mark.parametrize("name", ["aws.yaml", *KUBERAY])
def test_trials_run_on_workers_and_never_on_the_head(name: str) -> None:
    file = read(name)
    if name == "aws.yaml":
        assert file.documents[0]["available_node_types"]["head"]["resources"] == {"CPU": 0}
        assert file.documents[0]["max_workers"] == sum(kind["max_workers"] for kind in node_types(file).values())
    else:
        assert file.spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
        assert node_types(file)["cpu"]["resources"]["CPU"] == 8


def test_the_gpu_group_has_gpus_and_the_image_for_them() -> None:
    assert node_types(read("raycluster.yaml"))["gpu"]["resources"]["GPU"] == 1
    assert read("raycluster.yaml").containers["gpu"]["image"].endswith("-cuda")
    assert node_types(read("aws.yaml"))["gpu"]["docker"]["worker_image"].endswith("-cuda")


def test_the_job_is_a_command_of_ours_and_found_by_its_name() -> None:
    spec = read("rayjob.yaml").documents[0]["spec"]
    python, flag, module, *arguments = shlex.split(spec["entrypoint"])
    assert (python, flag, module) == ("python", "-m", "tuning.cli")
    options = _parser().parse_args(arguments)
    assert (str(options.study), options.overrides) == ("/study/study.yaml", ["cluster.address=auto"])
    assert options.resume_or_begin  # As it is started again by itself.
    assert spec["backoffLimit"] > 0
    assert set(spec["metadata"]) == {NAME}
    mounts = read("rayjob.yaml").containers["head"]["volumeMounts"]
    assert [mount["mountPath"] for mount in mounts] == ["/study"]


def test_ray_is_everywhere_the_one_of_the_lock() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert {f"ray=={read(name).spec['rayVersion']}" for name in KUBERAY} <= set(lock)


def test_the_image_installs_the_lock_and_is_not_root() -> None:
    image = (FOLDER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    assert re.search(r"^COPY requirements\.lock \.$", image, re.MULTILINE)
    assert re.search(r"^RUN .*pip install \S+ --requirement requirements\.lock", image, re.MULTILINE)
    assert re.search(r"^ENV .*\bRAY_AUTH_MODE=token\b", image, re.MULTILINE)
    assert re.findall(r"^USER (.*)$", image, re.MULTILINE) == ["${USER_ID}"]
    assert re.findall(r"^ARG (?:USER_ID|TORCH)=(.*)$", image, re.MULTILINE) == ["cpu", "1000"]
    for folder in ("corpora", "models", "losses", "cluster", "tuning"):
        assert f"COPY {folder} {folder}" in image


def test_the_page_walks_through_every_file() -> None:
    page = (ROOT / "docs" / "cluster-files.md").read_text(encoding="utf-8")
    for path in FOLDER.iterdir():
        assert f"`{path.name}`" in page, path.name
