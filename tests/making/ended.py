"""A search that has ended, by the files of a user; `ended` is made once for all tests that look at it."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from transformers import BertForSequenceClassification

from tests.making.reviews import reviews, tiny_document

if TYPE_CHECKING:
    from distune.tuning.storage.paths import Folder
    from distune.tuning.study.file import Study


@dataclass(frozen=True)
class Ended:
    """A search that has ended: its study, its folder, what it printed, and how often the teacher answered and when."""

    study: Study
    folder: Folder
    output: str
    forwards_before_timing: int
    forwards: int
    clusters_while_timing: int


def tickets(n: int) -> list[tuple[str, str]]:
    """The reviews, with queues as their labels."""
    return [(text, ("complaint", "praise")[int(label)]) for text, label in reviews(n)]


@pytest.fixture(scope="session")
def users_folder(tmp_path_factory: pytest.TempPathFactory, teacher_folder: Path) -> Path:
    """A user's files under the names that the pages give them: tickets.csv, texts.txt, and a teacher that knows the queues."""
    folder = tmp_path_factory.mktemp("walk")
    lines = ["body,queue", *(f'"{text}",{queue}' for text, queue in tickets(200))]
    (folder / "tickets.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "texts.txt").write_text("\n".join(text for text, _ in tickets(20)) + "\n", encoding="utf-8")
    shutil.copytree(teacher_folder, folder / "my-finetuned-bert")
    config = folder / "my-finetuned-bert" / "config.json"
    names = {"id2label": {"0": "complaint", "1": "praise"}, "label2id": {"complaint": 0, "praise": 1}}
    config.write_text(json.dumps(json.loads(config.read_text()) | names))
    return folder


@pytest.fixture(scope="session")
def unlucky_document(users_folder: Path) -> dict[str, Any]:
    """A study of which some trials fail."""
    document = tiny_document(users_folder, users_folder / "tickets.csv", users_folder / "my-finetuned-bert")
    document["corpus"] |= {"text": "body", "label": "queue"}
    document["search"] |= {"trials": 5, "finalists": 2}
    # The third value makes any loss overflow: that trial must fail alone.
    document["trial"]["learning_rate"] = {"choice": [0.01, 0.02, 1e30]}
    return document


@pytest.fixture(scope="session")
def ended(unlucky_document: dict[str, Any], users_folder: Path) -> Ended:
    """The search of `distune search study.yaml`, in this process."""
    # Only tests that ask for it pay the seconds that these imports take.
    import ray
    from rich.console import Console

    import distune.tuning.champion.verdict
    import distune.tuning.concluding
    import distune.tuning.session
    from distune.tuning.storage.searches import search_folders
    from distune.tuning.study.file import load_study

    path = users_folder / "study.yaml"
    path.write_text(yaml.safe_dump(unlucky_document), encoding="utf-8")
    study = load_study(path)
    distune.tuning.session.cache(study, False, None, "", Console(file=io.StringIO()))
    counts = {"all": 0, "before timing": -1}
    forward, judge = BertForSequenceClassification.forward, distune.tuning.concluding.judge
    time_here = distune.tuning.champion.verdict.time_here

    def counting(self: Any, *arguments: Any, **settings: Any) -> Any:
        counts["all"] += 1
        return forward(self, *arguments, **settings)

    def noting(*arguments: Any) -> Any:
        counts["before timing"] = counts["all"]
        return judge(*arguments)

    def timing(*arguments: Any) -> Any:
        counts["clusters while timing"] = int(ray.is_initialized())
        return time_here(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        patch.setattr(BertForSequenceClassification, "forward", counting)
        patch.setattr("distune.tuning.concluding.judge", noting)
        patch.setattr("distune.tuning.champion.verdict.time_here", timing)
        output = by_cli(["search", str(path)])
    (folder,) = search_folders(study)
    return Ended(study, folder, output, counts["before timing"], counts["all"], counts["clusters while timing"])


def by_cli(words: list[str], stdin: str | None = None) -> str:
    """What a command prints that must end well, run by the CLI in this process."""
    from distune.tuning.cli import main

    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", stack.enter_context(open(stdin or os.devnull, encoding="utf-8")))
        for number in (signal.SIGTERM, signal.SIGINT):
            stack.callback(signal.signal, number, signal.getsignal(number))
        with redirect_stdout(out), pytest.raises(SystemExit) as caught:
            main(words)
    output = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert caught.value.code in (0, None), output
    return output
