"""The cluster files, offline: valid by Ray's and Kubernetes' own schemas, doors closed, one latency node.

Each rule is a function from a file to its faults: none in the files as they are, some in copies that were broken.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest

from distune.cluster.jobs import NAME
from distune.tuning.cli import _parser
from tests.cluster_rules import (
    FOLDER,
    KUBERAY,
    LAUNCHER,
    ROOT,
    RULES,
    ClusterFile,
    node_types,
    not_by_the_schemas,
    open_doors,
    privileged,
    ray_start,
    read,
    unbounded_memory,
    without_a_token,
    written_secrets,
    wrong_latency_nodes,
    wrongly_spot,
)


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
    (
        open_doors,
        "raycluster.yaml",
        "from: [{podSelector: {matchLabels: {distune: cluster}}}]",
        "from: [{podSelector: {}}]",
    ),
    (open_doors, "rayjob.yaml", "containerPort: 8265}", "containerPort: 8265, hostPort: 8265}"),
    (open_doors, "rayjob.yaml", "    - from: [{podSelector: {matchLabels: {distune: search}}}]", "    - {}"),
    (written_secrets, "onprem.yaml", "--env=RAY_AUTH_MODE=token", "--env=RAY_AUTH_TOKEN=0123456789"),
    (written_secrets, "aws.yaml", "type: aws", "type: aws\n  AWS_SECRET_ACCESS_KEY: abc"),
    (
        written_secrets,
        "raycluster.yaml",
        "name: RAY_AUTH_MODE, value: token",
        "name: MLFLOW_TRACKING_PASSWORD, value: x",
    ),
    (written_secrets, "rayjob.yaml", "kind: NetworkPolicy", "kind: Secret"),
    (
        wrongly_spot,
        "aws.yaml",
        "CpuOptions: {CoreCount: 4, ThreadsPerCore: 1}",
        "InstanceMarketOptions: {MarketType: spot}",
    ),
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
    (wrong_latency_nodes, "rayjob.yaml", r"{\"latency\": 1}", r"{\"latencies\": 1}"),
    (unbounded_memory, "raycluster.yaml", "limits: {cpu: 500m, memory: 1Gi}", "limits: {cpu: 500m, memory: 2Gi}"),
    (unbounded_memory, "rayjob.yaml", 'limits: {cpu: "8", memory: 16Gi}', 'limits: {cpu: "8", memory: 32Gi}'),
    (privileged, "onprem.yaml", "--ulimit", "--privileged --ulimit"),
    (privileged, "raycluster.yaml", "runAsNonRoot: true", "runAsNonRoot: false"),
    (privileged, "rayjob.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
]


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
    assert (python, flag, module) == ("python", "-m", "distune")
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
    for folder in ("corpora", "models", "losses", "cluster", "tuning", "distune"):
        assert f"COPY {folder} {folder}" in image


def test_the_page_walks_through_every_file() -> None:
    page = (ROOT / "docs" / "cluster-files.md").read_text(encoding="utf-8")
    for path in FOLDER.iterdir():
        assert f"`{path.name}`" in page, path.name
