"""An S3 server on loopback, moto's: it holds its buckets in memory, and asks nobody for a key."""

from __future__ import annotations

import http.client
import sys
from pathlib import Path

from distune.cluster.programs import HOST, Program, ServicesError, http_status, inherited

STORAGE, ARTIFACTS = "distune", "mlflow"


def program(folder: Path, port: int) -> Program:
    return Program(
        command=[sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)],
        environment=inherited({"MOTO_DISABLE_GLOBAL_CORS": "true"}),
        folder=folder,
        log=folder / "logs" / "s3.log",
        answers=lambda: http_status(port, "GET", "/moto-api/") == http.client.OK,
    )


def make_buckets(port: int) -> None:
    for bucket in (STORAGE, ARTIFACTS):
        status = http_status(port, "PUT", f"/{bucket}")
        if status != http.client.OK:
            raise ServicesError(f"the S3 server answered {status} when asked for the bucket {bucket}")
