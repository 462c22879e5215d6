"""Requests a second and milliseconds of `distune serve`, with and without batching, and of `mlflow models serve`.

    python -m benchmarks.speed.serving FOLDER --texts texts.txt [--mlflow MODEL_URI] [--seconds 5]

Each of 1, 8 and 64 clients sends one text a request over its own connection, and the next when it is answered. Clients are
one process on the same machine, so that both share its cores. The servers take turns at each number of clients, each twice;
the better turn counts. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from distune.cluster.programs import free_ports
from distune.tuning.speed.latency import cpu_name

CLIENTS = (1, 8, 64)
TURNS = 2


@dataclass(frozen=True)
class Server:
    """Where one listens, and the body that carries one text to it."""

    port: int
    path: str

    def request(self, text: str) -> bytes:
        value: Any = {"texts": [text]} if self.path == "/predict" else {"dataframe_records": [{"text": text}]}
        body = json.dumps(value, ensure_ascii=False).encode()
        head = f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True)
class Load:
    """What came of one turn."""

    requests_per_s: float
    p50_ms: float
    p95_ms: float


async def _client(server: Server, requests: Sequence[bytes], end: float) -> list[float]:
    """The milliseconds of each request that was answered until `end`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    found = []
    for i in range(sys.maxsize):
        began = time.perf_counter()
        if began >= end:
            break
        writer.write(requests[i % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        (length,) = (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        found.append((time.perf_counter() - began) * 1000)
    writer.close()
    return found


async def _turn(server: Server, texts: Sequence[str], n_clients: int, seconds: float) -> Load:
    requests = [server.request(text) for text in texts]
    began = time.perf_counter()
    shares = [requests[i::n_clients] or requests for i in range(n_clients)]
    found = await asyncio.gather(*(_client(server, share, began + seconds) for share in shares))
    latencies = [one for client in found for one in client]
    p50, p95 = np.percentile(latencies, [50, 95])
    return Load(round(len(latencies) / (time.perf_counter() - began), 1), round(float(p50), 3), round(float(p95), 3))


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address).close()
    except urllib.error.URLError:
        return False
    return True


@contextmanager
def running(program: Sequence[str], server: Server, health: str) -> Iterator[Server]:
    """A server from when it answers."""
    command = [*program, "--port", str(server.port)]
    # MLflow starts a program of this environment by its name.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment, start_new_session=True) as process:
        try:
            while not _answers(f"http://127.0.0.1:{server.port}{health}"):
                if process.poll() is not None:
                    raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
                time.sleep(0.1)
            yield server
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--mlflow", metavar="MODEL_URI", help="the same model, for `mlflow models serve`")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    texts = options.texts.read_text(encoding="utf-8").splitlines()[:2000]
    distune = [sys.executable, "-m", "distune", "serve", str(options.folder)]
    programs = {"batches": (distune, "/predict"), "one at a time": ([*distune, "--max-batch", "1"], "/predict")}
    if options.mlflow:
        mlflow = [sys.executable, "-m", "mlflow", "models", "serve", "-m", options.mlflow, "--env-manager", "local"]
        programs["mlflow"] = (mlflow, "/invocations")
    results: dict[str, dict[int, Load]] = {name: {} for name in programs}
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(running(program, Server(free_ports([0])[0], path), "/health"))
            for name, (program, path) in programs.items()
        }
        for n_clients in CLIENTS:
            for name, server in [*servers.items()] * TURNS:
                load = asyncio.run(_turn(server, texts, n_clients, options.seconds))
                print(f"{name:14} {n_clients:3} clients: {load}", flush=True)
                before = results[name].get(n_clients)
                results[name][n_clients] = max(before or load, load, key=lambda one: one.requests_per_s)
    shown = {name: {n: asdict(load) for n, load in loads.items()} for name, loads in results.items()}
    print(json.dumps({"cpu": cpu_name(), "cores": os.cpu_count(), "folder": options.folder.name, **shown}))


if __name__ == "__main__":
    main()
