"""The service as programs of others ask it, over HTTP on loopback: MLflow's clients, those of KServe and Triton, Prometheus."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from distune.corpora import encoding
from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import save_checkpoint
from distune.models.predictor import Predictor
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of
from tests.making.server import as_json, ask, served


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("protocols") / "student"
    return save_checkpoint(checkpoint_of(STUDENTS[0]), place, "", Path(encoding.__file__))


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with served(folder) as (_, port):
        yield port


def test_mlflows_lists_of_texts_are_answered_as_its_tables(folder: Path, port: int) -> None:
    expected_rows = ask(port, "/invocations", as_json({"dataframe_records": [{"text": "好书"}, {"text": "差"}]}))[:2]
    assert expected_rows[0] == 200
    for body in (
        {"instances": ["好书", "差"]},
        {"instances": [{"text": "好书"}, {"text": "差"}]},
        {"inputs": ["好书", "差"]},
        {"inputs": {"text": ["好书", "差"]}},
    ):
        assert ask(port, "/invocations", as_json(body))[:2] == expected_rows


def test_clients_of_the_open_inference_protocol_need_no_change(folder: Path, port: int) -> None:
    assert ask(port, "/v2")[1]["name"] == "distune"
    assert ask(port, "/v2/health/live")[:2] == (200, {"live": True})
    assert ask(port, "/v2/health/ready")[:2] == (200, {"ready": True})
    assert ask(port, f"/v2/models/{folder.name}/ready")[:2] == (200, {"name": folder.name, "ready": True})
    told = ask(port, f"/v2/models/{folder.name}")[1]
    assert [one["name"] for one in told["inputs"]] == ["text"]
    text = {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["好书", "差"]}
    body = as_json({"id": "7", "inputs": [text], "outputs": [{"name": one["name"]} for one in told["outputs"]]})
    status, found, _ = ask(port, f"/v2/models/{folder.name}/infer", body)
    assert (status, found["model_name"], found["id"]) == (200, folder.name, "7")
    by_name = {one["name"]: one for one in found["outputs"]}
    answers = list(Predictor(folder, load_encoder(folder)).answers(["好书", "差"]))
    assert by_name["label"]["data"] == [one["label"] for one in answers]
    assert by_name["labels"]["data"] == ["bad", "good"]
    of_each = [[one["probabilities"][label] for label in ("bad", "good")] for one in answers]
    assert by_name["probabilities"]["data"] == pytest.approx([p for row in of_each for p in row], abs=1e-5)
    assert ask(port, "/v2/models/another/infer", body)[:2] == (
        404,
        {"error": f"there is no model 'another' here: it is {folder.name!r}"},
    )


def test_binary_tensors_are_refused_by_what_announces_them(folder: Path, port: int) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v2/models/{folder.name}/infer", b"{}")
    request.add_header("Inference-Header-Content-Length", "2")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 415
    assert b"binary tensors are not taken" in refused.value.read()


def test_an_answer_has_the_id_of_its_request(port: int) -> None:
    found = [
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/health", headers=headers)).headers
        for headers in ({"X-Request-ID": "a-7/b"}, {}, {"X-Request-ID": 'no "id"'})
    ]
    given, made, other = (headers["X-Request-ID"] for headers in found)
    assert given == "a-7/b"
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert re.fullmatch("[0-9a-f]{32}", other)


def test_the_log_has_a_line_for_each_request(folder: Path) -> None:
    with served(folder, "--access-log") as (process, port):
        ask(port, "/predict", as_json({"texts": ["好书"]}))
        refused = urllib.request.Request(f"http://127.0.0.1:{port}/health", headers={"Host": "elsewhere.example"})
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(refused)
        assert process.stdout
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
    assert [(line["method"], line["path"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/predict", "predict", 200),
        ("GET", "/health", "other", 403),
    ]
    for line in lines:
        assert set(line) == {"time", "request_id", "client", "method", "path", "route", "status", "ms"}
        assert line["client"] == "127.0.0.1"


def test_metrics_count_what_was_asked(folder: Path) -> None:
    with served(folder) as (_, port):
        ask(port, "/predict", as_json({"texts": ["好书", "", "差"]}))
        ask(port, "/predict", b"no JSON")
        ask(port, "/nowhere/at/all")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
            assert response.headers["content-type"].startswith("text/plain; version=")
            lines = response.read().decode().splitlines()
    for line in (
        'distune_requests_total{route="predict",status="200"} 1.0',
        'distune_requests_total{route="predict",status="400"} 1.0',
        'distune_requests_total{route="other",status="404"} 1.0',
        "distune_batch_texts_sum 3.0",
        "distune_texts_without_known_token_total 1.0",
        "distune_confidence_count 3.0",
    ):
        assert line in lines
