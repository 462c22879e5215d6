"""The settings of the cluster in a study; they need no Ray."""

from __future__ import annotations

import os
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, Field

JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Ray sets it for what runs as a job."""


class ClusterError(ValueError):
    """A cluster that cannot be reached, or that is too small; the message says what to do."""

    exit_code: ClassVar[int] = 2


def _number_or_auto(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value != "auto" and not (is_number and value >= 0):
        raise ValueError("must be a number >= 0, or auto")
    return value


class ClusterConfig(BaseModel, frozen=True, extra="forbid"):
    """The place where trials run, and the resources of each trial."""

    address: str = "local"
    """`local`, `auto` (the cluster this machine belongs to), `HOST:PORT` or `ray://HOST:PORT`. A study without an
    address takes `RAY_ADDRESS`."""
    cpus_per_trial: float = Field(default=1, gt=0)
    """The CPUs of each trial; torch gets the same number of threads."""
    gpus_per_trial: Annotated[float | Literal["auto"], BeforeValidator(_number_or_auto)] = 0
    """The GPUs of each trial, at least 0. `auto` measures the share of a card's memory that the largest
    configuration of the space needs; without a GPU it is 0."""
    concurrent_trials: int | None = Field(default=None, ge=1)
    """The number of trials that run at a time; by default as many as fit on the cluster, including the nodes that
    its autoscaler may start."""
    max_failures: int = Field(default=3, ge=0)
    """The number of times that a trial continues after its last epoch when its worker process or node is lost."""
    trial_timeout_s: float | None = Field(default=None, gt=0)
    """Distune ends a trial that takes longer. Without a limit a trial that hangs keeps its worker for ever."""
    latency_node: str | None = None
    """The custom resource of the node on which finalists are timed, with nothing else on it. By default they are
    timed where the search starts."""

    @property
    def place(self) -> str:
        """The address that is used: the one that a study names, else that of the environment, else the default.
        Raises ClusterError if that of the environment is a dashboard, which `submit` takes and no search."""
        if "address" in self.model_fields_set:
            return self.address
        there = os.environ.get("RAY_ADDRESS") or self.address
        if there.startswith(("http://", "https://")):
            raise ClusterError(
                f"RAY_ADDRESS is {there}, a dashboard, to which distune submit sends a search; to run one from here, name its cluster "
                "by cluster.address: local, auto, HOST:PORT or ray://HOST:PORT"
            )
        return there

    @property
    def setting(self) -> str:
        """The place that names the address."""
        return "RAY_ADDRESS" if self.place != self.address else "cluster.address"

    @property
    def threads(self) -> int:
        """The threads that torch has in each trial."""
        return max(1, int(self.cpus_per_trial))

    @property
    def gpus(self) -> float:
        """The GPUs that each trial is given. Raises ClusterError while `auto` is not measured."""
        if self.gpus_per_trial == "auto":
            raise ClusterError("gpus_per_trial: auto has not been measured yet")
        return self.gpus_per_trial

    @property
    def is_shared(self) -> bool:
        """Whether trials may run on other machines than the one that the search is started on."""
        return self.place != "local"
