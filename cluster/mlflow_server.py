"""An MLflow server on loopback: runs and users in PostgreSQL, artifacts in a bucket."""

from __future__ import annotations

import http.client
import sys
from pathlib import Path

from distune.cluster.programs import HOST, Program, http_status, inherited, write_private
from distune.cluster.s3_server import ARTIFACTS
from distune.cluster.service_settings import Settings

# Who is given no permission has none. A checked password is remembered: each check costs tens of milliseconds.
BASIC_AUTH = """\
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = postgresql://mlflow@{host}:{port}/mlflow_auth
auth_cache_ttl_seconds = 60
"""


def program(folder: Path, settings: Settings) -> Program:
    """The server; the file about its users is written into the folder."""
    users = folder / "basic_auth.ini"
    write_private(users, BASIC_AUTH.format(host=HOST, port=settings.postgres_port))
    environment = {
        **{name: value for name, value in settings.environment.items() if name.startswith("AWS_")},
        "PGPASSWORD": settings.mlflow_password,
        "MLFLOW_AUTH_CONFIG_PATH": str(users),
        "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
        "MLFLOW_AUTH_ADMIN_PASSWORD": settings.admin_password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": settings.flask_key,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    names = [f"{host}:{settings.mlflow_port}" for host in (HOST, "localhost")]
    return Program(
        command=[
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            HOST,
            "--port",
            str(settings.mlflow_port),
            "--workers",
            "1",
            "--app-name",
            "basic-auth",
            "--backend-store-uri",
            f"postgresql://mlflow@{HOST}:{settings.postgres_port}/mlflow",
            "--serve-artifacts",
            "--artifacts-destination",
            f"s3://{ARTIFACTS}",
            "--allowed-hosts",
            ",".join(names),
            "--cors-allowed-origins",
            ",".join(f"http://{n}" for n in names),
        ],
        environment=inherited(environment),
        folder=folder,
        log=folder / "logs" / "mlflow.log",
        answers=lambda: http_status(settings.mlflow_port, "GET", "/health") == http.client.OK,
    )
