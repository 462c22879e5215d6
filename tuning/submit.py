"""`distune submit`, `status`, `logs` and `stop`: searches that run as jobs of a cluster."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from distune.cluster.jobs import Job, check_cluster_fits, connect, find, jobs, logs, stop, submit
from distune.corpora.scratch import scratch_folder

if TYPE_CHECKING:
    from distune.tuning.study.file import Study

SELF_EVIDENT = ("RUNNING", "SUCCEEDED")
"""States of a job in which Ray's message says no more than the state."""


def submit_study(study: Study, address: str, resume: str, install: bool) -> str:
    """Send a search to the cluster behind a dashboard; returns the job's id. This machine is not needed any longer.

    `resume` is the option of `distune search` to go on, or nothing.

    Raises StudyError for a study that cannot run there, and ClusterError for a cluster that is out of reach or on which
    no trial could ever be placed.
    """
    from distune.tuning.shipping import (  # It brings torch, which those who only look need not wait for.
        command,
        pack,
        pins,
    )

    client = connect(address)
    check_cluster_fits(address, study.config.cluster)
    with scratch_folder() as scratch:
        folder = pack(study, scratch)
        runtime = {"pip": pins(study)} if install else None
        return submit(client, study.config.name, folder, command(study, resume), runtime)


def search_through_client(study: Study, resume: str) -> int:
    """Run a search on the head of the cluster at `ray://HOST:PORT`, printing what it prints; returns its exit status.

    Raises StudyError for a study that cannot run there, and ClusterError for a cluster that is out of reach.
    """
    from distune.cluster.client import run_through_client
    from distune.tuning.shipping import command, pack

    with scratch_folder() as scratch:
        folder = pack(study, scratch)
        for printed in run_through_client(study.config.cluster.place, folder, command(study, resume)):
            if isinstance(printed, int):
                return printed
            print(printed, end="", flush=True)
    return 1


def show_status(address: str, name_or_id: str | None, console: Console) -> None:
    """Print the jobs of a cluster, or one of them, and below them why one has failed or still waits."""
    client = connect(address)
    shown = [find(client, name_or_id)] if name_or_id else jobs(client)
    table = Table(title=f"searches at {address}", title_justify="left")
    for heading in ("study", "job", "status", "started (UTC)", "took"):
        table.add_column(heading, overflow="fold")
    for job in shown:
        table.add_row(job.name, job.job_id, job.status, _time(job.started_s), _took(job))
    console.print(table)
    for job in shown:
        if job.status not in SELF_EVIDENT and job.message:
            console.print(f"{job.job_id}: {_cause(job.message)}", highlight=False, markup=False, soft_wrap=True)


def status_facts(address: str, name_or_id: str | None) -> dict[str, Any]:
    """The jobs of a cluster, or one of them, for programs."""
    client = connect(address)
    shown = [find(client, name_or_id)] if name_or_id else jobs(client)
    return {"address": address, "jobs": [asdict(job) for job in shown]}


def show_logs(address: str, name_or_id: str, follow: bool) -> None:
    """Print what a search has printed."""
    client = connect(address)
    for piece in logs(client, find(client, name_or_id), follow):
        print(piece, end="", flush=True)


def stop_search(address: str, name_or_id: str) -> Job:
    """End a search; what it found is kept, and `--resume` goes on with it."""
    client = connect(address)
    job = find(client, name_or_id)
    stop(client, job)
    return job


def _time(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _cause(message: str) -> str:
    """Ray's message about a job, with the last line of its log in place of the last ten."""
    what, _, log = message.partition(", last available logs")
    lines = [line for line in log.splitlines() if line.strip()]
    return f"{what}: {lines[-1]}" if len(lines) > 1 else what


def _took(job: Job) -> str:
    if job.started_s is None:
        return ""
    ended = job.ended_s if job.ended_s is not None else datetime.now(UTC).timestamp()
    seconds = ended - job.started_s
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
