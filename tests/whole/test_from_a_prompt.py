"""The whole way from a prompt to a champion; a server of this process stands for the language model."""

from __future__ import annotations

import json
import random
import runpy
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from mlflow.tracking import MlflowClient

from distune.corpora.answer_rule import AnswerRule
from distune.corpora.answers_file import read_answers_file
from distune.corpora.corpus import load_corpus
from distune.corpora.texts import text_hash
from distune.models.decision import sigmoid
from distune.tuning.cli import main
from distune.tuning.study.file import Study
from tests.making.reviews import GOOD

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("store", "without_pngs")]
ROOT = Path(__file__).resolve().parents[2]


class Model(BaseHTTPRequestHandler):
    """Votes by the words of a text, wrong in a fifth of the votes; refuses one text, and fails at another."""

    refused = failed = ""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        draw = random.Random(text)
        right = "1" if any(word in text for word in GOOD) else "0"
        said = [right if draw.random() < 0.8 else "10"["01".index(right) - 1] for _ in range(body["n"])]
        words = [f" {one}." for one in said] if text != self.refused else ["I am sorry"] * body["n"]
        choices = [{"message": {"content": one}, "finish_reason": "stop"} for one in words]
        self.send_response(500 if text == self.failed else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"choices": choices}).encode())

    def log_message(self, *arguments: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()
        thread.join()


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(str(ended.value.code))


def test_a_prompt_becomes_a_champion(
    document: dict[str, Any],
    tmp_path: Path,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    write_study: Callable[[dict[str, Any]], Path],
) -> None:
    votes, requests, replies = (tmp_path / f"{name}.jsonl" for name in ("votes", "requests", "replies"))
    document["teacher"] = {"answers": str(votes)}
    document["search"] |= {"trials": 2, "seeds": 1}
    document["trial"] |= {"student": {"kind": "average"}, "epochs": 1}
    study = write_study(document)
    assert run("prompt", study, "--out", requests, "--votes", 3, "--examples", 2) == 0
    assert "200 requests (20 train," in capsys.readouterr().out
    texts = [json.loads(line)["body"]["messages"][-1]["content"] for line in requests.read_text("utf-8").splitlines()]
    Model.refused, Model.failed = texts[50], texts[60]
    monkeypatch.setattr(sys, "argv", ["ask_model.py", str(requests), str(replies), server])
    runpy.run_path(str(ROOT / "examples" / "prompt" / "ask_model.py"))
    assert run("answers", study, replies) == 0
    out = capsys.readouterr().out
    assert "200 replies to 200 texts, 198 of them with an answer" in out
    assert f"  1 x other words: 'I am sorry' ({replies}, line 51)" in out
    assert "  1 x HTTP 500: " in out
    assert run("check", study) == 0
    assert "2 texts have no answer and are left out of the study (2 of " in capsys.readouterr().out
    assert run("search", study) == 0
    folder = tmp_path / "storage" / "searches" / "tiny" / "1"
    results = json.loads((folder / "results.json").read_text())
    assert results["teacher"]["description"] == "a file of answers to 198 texts: 198 with votes"
    assert results["teacher"]["n_votes"] == 594
    card = (folder / "champion" / "README.md").read_text()
    assert "- Teacher: a file of answers to 198 texts: 198 with votes" in card
    assert "student alone" in (folder / "table.txt").read_text()
    assert (folder / "report.html").is_file()
    client = MlflowClient(document["tracking"]["uri"])
    assert int(client.get_model_version_by_alias("tiny-student", "champion").version) == 1
    saved = yaml.safe_load((folder / "study.yaml").read_text())
    assert saved["teacher"] == {"answers": str(votes)}


def test_without_labels_in_train_the_student_that_learns_from_answers_alone_is_called_so(
    document: dict[str, Any], tmp_path: Path, write_study: Callable[[dict[str, Any]], Path]
) -> None:
    document["corpus"]["labelled"] = 0
    corpus = load_corpus(Study(document).config.corpus)
    rows = [{"text": text, "label": "1" if any(word in text for word in GOOD) else "0"} for text in corpus.texts()]
    votes = tmp_path / "votes.jsonl"
    votes.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    document["teacher"] = {"answers": str(votes)}
    document["search"] |= {"trials": 2, "seeds": 1}
    document["trial"] |= {"student": {"kind": "average"}, "epochs": 1}
    assert run("search", write_study(document)) == 0
    folder = tmp_path / "storage" / "searches" / "tiny" / "1"
    for name in ("table.txt", "results.json", "report.html", "champion/README.md"):
        text = (folder / name).read_text(encoding="utf-8")
        assert "hard-label student" in text
        assert "student alone" not in text


def section(title: str) -> str:
    """A section of the page, without its title."""
    page = (ROOT / "docs" / "from-a-prompt.md").read_text(encoding="utf-8")
    found: str = page.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return found


def test_the_answers_on_the_page_have_the_probabilities_on_the_page(tmp_path: Path) -> None:
    text = section("Several labels")
    path = tmp_path / "votes.jsonl"
    path.write_text(text.split("```json\n")[1].split("```")[0], encoding="utf-8")
    head, _, *shown = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    found = read_answers_file(str(path), head[1:], AnswerRule(), is_multi_label=True)
    assert found.abstained == {text_hash("an abstention")}
    assert len(found.file.rows) == len(shown) == 7
    probabilities = sigmoid(found.file.of([name for name, *_ in shown]).logits)
    assert [[f"{one:.3f}" for one in row] for row in probabilities] == [row for _, *row in shown]


class SetModel(Model):
    """All labels whose word a text holds, as each of three replies spells them; refuses one text."""

    words: ClassVar[dict[str, str]] = {"late": "很慢", "broken": "坏了", "praise": "很好"}

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        names = [label for label, word in self.words.items() if word in text]
        said = [json.dumps({"labels": names}), f"<think>Hm.</think>{json.dumps(names)}", ", ".join(names) or "None."]
        words = said if text != self.refused else ["I am sorry"] * 3
        self.send_response(200)
        self.end_headers()
        choices = [{"message": {"content": one}, "finish_reason": "stop"} for one in words]
        self.wfile.write(json.dumps({"choices": choices}).encode())


def test_a_prompt_for_several_labels_becomes_a_champion(
    document: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    write_study: Callable[[dict[str, Any]], Path],
) -> None:
    draw = random.Random(3)
    sets = [[label for label in SetModel.words if draw.random() < 0.35] for _ in range(200)]
    texts = ["".join(SetModel.words[label] for label in one) + f"，快递{i}" for i, one in enumerate(sets)]
    votes, requests, replies, source = (
        tmp_path / f"{name}.jsonl" for name in ("votes", "requests", "replies", "source")
    )
    rows = [{"text": text, "labels": one} for text, one in zip(texts, sets, strict=True)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    document["corpus"] = {
        "source": str(source),
        "label": "labels",
        "multi_label": True,
        "labelled": 0,
        "dev_fraction": 0.2,
        "test_fraction": 0.2,
    }
    document["teacher"] = {"answers": str(votes)}
    document["search"] |= {"trials": 2, "seeds": 1}
    document["trial"] |= {"student": {"kind": "average"}, "epochs": 1, "loss": {"teacher_term": {"kind": "kl"}}}
    study = write_study(document)
    assert run("prompt", study, "--out", requests, "--votes", 3) == 0
    assert run("prompt", study, "--out", tmp_path / "plain.jsonl", "--no-schema") == 0
    first, plain = (
        json.loads((tmp_path / name).read_text("utf-8").splitlines()[0])["body"]
        for name in ("requests.jsonl", "plain.jsonl")
    )
    assert ("response_format" in first, "response_format" in plain) == (True, False)
    SetModel.refused = json.loads(requests.read_text("utf-8").splitlines()[50])["body"]["messages"][-1]["content"]
    monkeypatch.setattr(sys, "argv", ["ask_model.py", str(requests), str(replies)])
    with ThreadingHTTPServer(("127.0.0.1", 0), SetModel) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        sys.argv.append(f"http://127.0.0.1:{served.server_address[1]}")
        runpy.run_path(str(ROOT / "examples" / "prompt" / "ask_model.py"))
        served.shutdown()
        thread.join()
    capsys.readouterr()
    assert run("answers", study, replies) == 0
    assert "200 replies to 200 texts, 199 of them with an answer" in capsys.readouterr().out
    assert run("check", study) == 0
    assert "1 text has no answer and is left out of the study" in capsys.readouterr().out
    assert run("search", study) == 0
    folder = tmp_path / "storage" / "searches" / "tiny" / "1"
    results = json.loads((folder / "results.json").read_text())
    assert results["teacher"]["description"] == "a file of answers to 199 texts: 199 with votes"
    assert results["teacher"]["n_votes"] == 597
    assert json.loads((folder / "champion" / "config.json").read_text())["multi_label"] is True
    card = (folder / "champion" / "README.md").read_text()
    assert f"with the labels that have a probability of 0.5 or more in {votes}" in card
