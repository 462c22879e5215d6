"""Jobs of a Ray cluster: a folder that is sent and a command that runs in it, found again by name or id.

Ray's job API runs whatever reaches it. With RAY_AUTH_MODE=token in the environment its token goes with every call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient
from ray.util.state import list_nodes

from distune.cluster.config import ClusterConfig, ClusterError
from distune.cluster.connection import first_line
from distune.cluster.fitting import check_fits, check_reachable

NAME = "distune.name"
STOPPING_S = 60  # Ray's own is 3: too short for a driver to write what it still holds
FINISHED = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A submitted job; times are seconds since the epoch, None for what has not happened."""

    job_id: str
    name: str
    status: str
    message: str
    started_s: float | None
    ended_s: float | None

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED


def connect(address: str) -> JobSubmissionClient:
    """A client of the job API at `http://HOST:8265`; raises ClusterError when it does not answer."""
    if not address.startswith(("http://", "https://")):
        raise ClusterError(f"--address takes the cluster's dashboard, such as http://HOST:8265, but got {address}")
    check_reachable(address.split("://", 1)[1].rstrip("/"))
    try:
        return JobSubmissionClient(address)
    except AuthenticationError as error:
        raise ClusterError(
            f"{address} asks for a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH "
            f"to that of the cluster ({first_line(error)})"
        ) from error
    except (ConnectionError, RuntimeError) as error:
        raise ClusterError(f"cannot use the job API at {address}: {first_line(error)}") from error


def check_cluster_fits(address: str, config: ClusterConfig) -> None:
    """Raise ClusterError unless a node of the cluster behind a dashboard can hold one trial.

    A cluster that is to grow, by `concurrent_trials`, may have no such node yet: the search itself asks its autoscaler.
    """
    if config.concurrent_trials is not None:
        return
    try:
        nodes = list_nodes(address=address, filters=[("state", "=", "ALIVE")], limit=10_000)
    except Exception as error:  # Ray raises plain exceptions of many kinds here.
        raise ClusterError(f"cannot list the nodes of {address}: {first_line(error)}") from error
    check_fits(config, [node.resources_total for node in nodes])


def submit(
    client: JobSubmissionClient, name: str, folder: Path, command: str, runtime: Mapping[str, Any] | None = None
) -> str:
    """Send a folder and run a command in it; returns the job's id.

    `runtime` are further parts of Ray's runtime environment, such as `pip`.
    """
    try:
        return str(
            client.submit_job(
                entrypoint=command,
                metadata={NAME: name},
                runtime_env={
                    "working_dir": str(folder),
                    "env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOPPING_S)},
                    **(runtime or {}),
                },
            )
        )
    except (RuntimeError, ValueError) as error:
        raise ClusterError(f"the cluster refused {name}: {first_line(error)}") from error


def jobs(client: JobSubmissionClient) -> list[Job]:
    """The jobs that were submitted under a name, the oldest first."""
    found = [_job(details) for details in client.list_jobs() if NAME in (details.metadata or {})]
    return sorted(found, key=lambda job: job.started_s or float("inf"))


def _job(details: JobDetails) -> Job:
    started_s, ended_s = (None if ms is None else ms / 1000 for ms in (details.start_time, details.end_time))
    name = (details.metadata or {})[NAME]
    return Job(
        job_id=str(details.submission_id),
        name=name,
        status=str(details.status.value),
        message=details.message or "",
        started_s=started_s,
        ended_s=ended_s,
    )


def find(client: JobSubmissionClient, name_or_id: str) -> Job:
    """The job of that id, or the last one of that name; raises ClusterError when there is none."""
    known = jobs(client)
    matching = [job for job in known if name_or_id in (job.job_id, job.name)]
    if not matching:
        there = ", ".join(f"{job.name} ({job.job_id})" for job in known[-5:])
        raise ClusterError(f"no job {name_or_id} on this cluster; the last ones are: {there or 'none'}")
    return matching[-1]


def logs(client: JobSubmissionClient, job: Job, follow: bool) -> Iterator[str]:
    """The output of a job, in pieces; with `follow` until it ends."""
    if not follow:
        yield client.get_job_logs(job.job_id)
        return
    stream = client.tail_job_logs(job.job_id)
    with asyncio.Runner() as runner:
        while True:
            try:
                yield str(runner.run(anext(stream)))
            except StopAsyncIteration:
                return


def stop(client: JobSubmissionClient, job: Job) -> None:
    """Ask a job to end: it is sent SIGTERM, and a minute later SIGKILL. Raises ClusterError for one that has ended."""
    if job.is_finished:
        raise ClusterError(f"{job.name} ({job.job_id}) has ended already: {job.status}")
    client.stop_job(job.job_id)
