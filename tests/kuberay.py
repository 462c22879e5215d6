"""What of KubeRay's API ray.io/v1 our files use: any other field is refused."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

Document = dict[str, Any]


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
