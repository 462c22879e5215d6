"""The service as it is used: a process of its own, asked over HTTP on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from distune.corpora.encoding import load_encoder
from distune.models.predictor import Predictor
from distune.tuning.cli import main
from distune.tuning.serve import server as serving
from distune.tuning.serve.limits import Limits
from distune.tuning.serve.service import application
from distune.tuning.serve.serving import Serving
from tests.conftest import STUDENTS, same_answers
from tests.making.asgi import asked
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.server import ROOT, as_json, ask, served
from tests.processes import listening


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("serving") / "student"
    return save_student(checkpoint_of(STUDENTS[0]), place)


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with served(folder, "--max-waiting", 300) as (_, port):
        yield port


def expected(folder: Path, texts: Sequence[str]) -> list[Any]:
    return list(Predictor(folder, load_encoder(folder)).answers(texts))


def test_answers_are_those_of_predict(
    folder: Path, port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["好书", "差酒店", "", "好\u2028差", "😀"]
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["predict", str(folder), str(tmp_path / "texts.txt")])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["has_known_token"] for line in lines] == [True, True, False, True, False]
    assert ask(port, "/predict", as_json({"texts": texts}))[:2] == (200, {"answers": lines})
    assert same_answers([ask(port, "/predict", as_json({"texts": [text]}))[1]["answers"][0] for text in texts], lines)


def test_clients_of_mlflow_need_no_change(folder: Path, port: int) -> None:
    texts = ["好书", "差"]
    rows = [
        {
            "label": one["label"],
            "probability_bad": one["probabilities"]["bad"],
            "probability_good": one["probabilities"]["good"],
            "has_known_token": True,
        }
        for one in expected(folder, texts)
    ]
    for body in (
        {"dataframe_records": [{"text": text} for text in texts]},
        {"dataframe_split": {"columns": ["id", "text"], "data": [[i, text] for i, text in enumerate(texts)]}},
    ):
        assert ask(port, "/invocations", as_json(body))[:2] == (200, {"predictions": rows})
    assert ask(port, "/ping")[0] == 200


def test_it_says_that_it_is_there_and_what_it_is(port: int) -> None:
    told = {"status": "ok", "model": "student", "labels": ["bad", "good"], "waiting": 0}
    assert ask(port, "/health")[:2] == (200, told)


def test_it_is_ready_until_it_ends(port: int) -> None:
    assert ask(port, "/ready")[:2] == (200, {"status": "ready", "waiting": 0})
    for ends, status in ((False, 200), (True, 503)):
        app = application(Serving("a", mock.Mock(labels=[]), Limits()), Limits(), partial(bool, ends))
        assert asked(app, "/ready")[0] == status


FAULTS: dict[str, tuple[str, bytes, int, str]] = {
    "no JSON": ("/predict", b"{", 400, "the body is not JSON in UTF-8: Expecting property name"),
    "nothing": ("/predict", b"", 400, "the body is not JSON in UTF-8: Expecting value"),
    "another encoding": ("/predict", '{"texts": ["好"]}'.encode("gbk"), 400, "the body is not JSON in UTF-8"),
    "nested too deeply": ("/predict", b"[" * 100_000, 400, "it is nested too deeply"),
    "a list": ("/predict", b'["a"]', 400, 'the body must be {"texts": ["...", ...]}'),
    "another key": ("/predict", b'{"text": "a"}', 400, 'the body must be {"texts": ["...", ...]}'),
    "a key too many": ("/predict", b'{"texts": ["a"], "top": 2}', 400, 'the body must be {"texts": ["...", ...]}'),
    "one string": ("/predict", b'{"texts": "a"}', 400, 'the body must be {"texts": ["...", ...]}'),
    "no texts": ("/predict", b'{"texts": []}', 400, "there are no texts in the body"),
    "a number": ("/predict", b'{"texts": ["a", 3]}', 400, "text 2 must be a string, but got 3"),
    "half a pair": ("/predict", b'{"texts": ["\\ud83d"]}', 400, "text 1 holds half of a surrogate pair"),
    "no table": ("/invocations", b'{"texts": ["a"]}', 400, 'the body must be {"dataframe_records": [{"text"'),
    "no column": ("/invocations", b'{"dataframe_split": {"columns": ["a"], "data": []}}', 400, "the body must be"),
    "a short row": ("/invocations", b'{"dataframe_split": {"columns": ["text"], "data": [[]]}}', 400, "text 1 must be"),
    "another row": ("/invocations", b'{"dataframe_records": [{"text": "a"}, {"b": 1}]}', 400, "text 2 must be"),
    "too many texts": ("/predict", as_json({"texts": ["a"] * 301}), 413, "301 texts are too many: send at most 300"),
    "a large body": ("/predict", b" " * 3_000_000, 413, "the body is too large: send at most 1,048,576 bytes"),
    "another path": ("/other", b"{}", 404, "Not Found"),
    "a slash too many": ("//predict", b"{}", 404, "Not Found"),
    "a slash at the end": ("/predict/", b"{}", 404, "Not Found"),
    "a key twice": ("/predict", b'{"texts": ["a"], "texts": ["b"]}', 400, 'the key "texts" occurs twice in one object'),
    "a list in a list": (
        "/predict",
        b'{"texts": [' + b"[" * 900 + b"]" * 900 + b"]}",
        400,
        "text 1 must be a string, but got a list",
    ),
    "no number": ("/predict", b'{"texts": [NaN]}', 400, "text 1 must be a string, but got NaN"),
    "a long number": (
        "/predict",
        b'{"texts": [' + b"9" * 9000 + b"]}",
        400,
        "text 1 must be a string, but got Infinity",
    ),
    "a long text": (
        "/predict",
        as_json({"texts": ["a" * 100_001]}),
        413,
        "text 1 has 100,001 characters: send at most 100,000",
    ),
    "two columns": (
        "/invocations",
        b'{"dataframe_split": {"columns": ["text", "text"], "data": [["a", "b"]]}}',
        400,
        "more than one",
    ),
    "another method": ("/health", b"{}", 405, "Method Not Allowed"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_request_is_told_in_a_line_of_json(name: str, port: int) -> None:
    path, body, status, reason = FAULTS[name]
    found, told, _ = ask(port, path, body)
    assert (found, list(told)) == (status, ["error"])
    assert reason in told["error"]
    assert "\n" not in told["error"]


def test_those_who_ask_at_the_same_time_get_their_own_answers(folder: Path, port: int) -> None:
    texts = ["好" * (i % 7) + "差" * (i % 5) + "书" for i in range(35)]
    answers = expected(folder, texts)
    with ThreadPoolExecutor(16) as clients:
        found = clients.map(
            lambda i: ask(port, "/predict", as_json({"texts": [texts[i % 35]] * (1 + i % 3)})), range(200)
        )
    for i, (status, value, _) in enumerate(found):
        assert status == 200
        assert same_answers(value["answers"], [answers[i % 35]] * (1 + i % 3))


def test_when_too_much_waits_more_is_refused_and_the_end_answers_what_it_has(folder: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    text = as_json({"texts": ["等"]})
    with served(folder, "--max-waiting", 3, "--max-batch", 1, gate=gate) as (process, port):
        with ThreadPoolExecutor(8) as clients:
            asked = [clients.submit(ask, port, "/predict", text) for _ in range(8)]
            # Three wait at the gate and five are refused at once: all eight have come when those are answered.
            while sum(one.done() for one in asked) < 5:
                time.sleep(0.01)
            assert ask(port, "/ready")[:2] == (503, {"error": "3 texts wait already"})
            assert ask(port, "/health")[0] == 200
            process.send_signal(signal.SIGTERM)
            gate.touch()
            found = [one.result() for one in asked]
        assert process.wait(300) == 0
        assert process.stdout
        assert process.stdout.read() == ""
    codes = [status for status, _, _ in found]
    assert (codes.count(200), codes.count(503)) == (3, 5)
    refused = next(one for one in found if one[0] == 503)
    assert refused[1] == {"error": "3 texts wait already: try again"}
    assert refused[2]["retry-after"] == "1"


def test_answers_over_one_connection_wait_for_no_packet() -> None:
    # Where they do, it is for 40 ms, as long as Linux waits before it confirms what came.
    with serving._bind("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_until_it_is_ready_nobody_is_taken_in() -> None:
    with serving._bind("127.0.0.1", 0) as listener, pytest.raises(ConnectionRefusedError):
        socket.create_connection(listener.getsockname())


def test_a_body_that_is_refused_is_not_sent_where_the_client_waits(port: int) -> None:
    for size, told in ((14, b"HTTP/1.1 100 "), (1_048_577, b"HTTP/1.1 413 ")):
        with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
            head = (
                f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: {size}\r\n\r\n"
            )
            connection.sendall(head.encode())
            assert connection.recv(1000).startswith(told)


def test_what_a_proxy_could_read_as_something_else_is_refused(port: int) -> None:
    for header, status in (
        ("Content-Encoding: gzip", 415),
        ("Transfer-Encoding: chunked\r\nContent-Length: 2", 400),
        ("Content-Length: 2\r\nContent-Length: 3", 400),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
            connection.sendall(f"POST /predict HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
            assert connection.recv(1000).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_client_that_goes_away_harms_nobody(folder: Path, tmp_path: Path) -> None:
    with served(folder) as (process, port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        assert ask(port, "/predict", as_json({"texts": ["好"]}))[0] == 200
        process.send_signal(signal.SIGINT)
        assert process.stdout
        assert process.wait(300) == 130
        assert process.stdout.read() == "distune: interrupted\n"


def test_it_listens_on_loopback_alone(folder: Path) -> None:
    with served(folder) as (process, port):
        assert listening([process.pid]) == {("127.0.0.1", port)}


def run(*arguments: object) -> tuple[int, str]:
    program = [sys.executable, "-m", "distune", "serve", *map(str, arguments)]
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300)
    return done.returncode, done.stderr


def test_settings_that_cannot_be_served_with_are_refused_in_a_line(folder: Path, port: int, tmp_path: Path) -> None:
    assert run(folder, "--port", port) == (
        2,
        f"distune: cannot listen at 127.0.0.1, port {port}: Address already in use\n",
    )
    assert "a port is a number from 0 to 65535" in run(folder, "--port", 70_000)[1]
    assert run(folder, "--max-batch", 0) == (2, "distune: --max-batch must be at least 1, but got 0\n")
    assert run(tmp_path)[0] == 2


def test_packages_that_are_missing_are_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['uvicorn'] = None\n")
    program = [sys.executable, "-m", "distune", "serve", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "distune: distune serve needs the package uvicorn, which is not installed: pip install 'distune[serve]'\n"
    )
