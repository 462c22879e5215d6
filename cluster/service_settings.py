"""The ports and passwords of the services of a folder."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from distune.cluster.programs import HOST, free_ports, write_private


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Ports and passwords of a folder, made once and kept in it."""

    postgres_port: int
    s3_port: int
    mlflow_port: int
    superuser_password: str
    mlflow_password: str
    admin_password: str
    flask_key: str
    s3_key_id: str
    s3_key: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment of those who use the services."""
        return {
            "MLFLOW_TRACKING_URI": f"http://{HOST}:{self.mlflow_port}",
            "MLFLOW_TRACKING_USERNAME": "admin",
            "MLFLOW_TRACKING_PASSWORD": self.admin_password,
            "AWS_ACCESS_KEY_ID": self.s3_key_id,
            "AWS_SECRET_ACCESS_KEY": self.s3_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{HOST}:{self.s3_port}",
        }


def settings_of(path: Path) -> Settings:
    """The settings of a folder; a port that another program has taken is replaced."""
    if path.exists():
        settings = Settings(**json.loads(path.read_text(encoding="utf-8")))
    else:
        settings = Settings(
            postgres_port=0,
            s3_port=0,
            mlflow_port=0,
            superuser_password=secrets.token_hex(16),
            mlflow_password=secrets.token_hex(16),
            admin_password=secrets.token_hex(16),
            flask_key=secrets.token_hex(16),
            s3_key_id=secrets.token_hex(16),
            s3_key=secrets.token_hex(16),
        )
    ports = free_ports([settings.postgres_port, settings.s3_port, settings.mlflow_port])
    settings = replace(settings, postgres_port=ports[0], s3_port=ports[1], mlflow_port=ports[2])
    write_private(path, json.dumps(asdict(settings), indent=1))
    return settings
