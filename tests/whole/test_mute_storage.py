"""A bucket whose server accepts connections and says nothing, or half of something: each command ends by one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from distune.corpora import away, file_systems
from distune.corpora.away import AwayError
from distune.corpora.places import Place
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.searches import new_folder
from distune.tuning.study.file import Study
from tests.making.proposals import ask, epoch, proposals
from tests.making.proxy import Door, door
from tests.whole.conftest import Run

pytestmark = pytest.mark.slow
ROOT = "s3://bucket"
SAID = f"{ROOT} does not answer (tried for "


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The door to an S3 server with a bucket; Arrow asks once, which takes 3 s where nothing is said."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    with door(port) as made:
        known = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in (known | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{made.port}"}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(file_systems, "S3_ATTEMPTS", 1)
        monkeypatch.setattr(away, "AGAIN_AFTER_S", 0.0)
        file_systems.opened.cache_clear()
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield made
    file_systems.opened.cache_clear()
    server.stop()


@pytest.fixture
def begun(bucket: Door, document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path]) -> tuple[Path, Folder]:
    """The file of a study with a search in the bucket, one of whose trials has ended, and that has a champion's folder."""
    document["storage"] = f"{ROOT}/storage"
    study = Study(document)
    folder = new_folder(study)
    folder.update(state="searching", begun_at="2026-11-29 00:00:00 UTC", corpus="c")
    searcher = proposals(study, folder.place)
    ask(searcher, "a")
    searcher.on_trial_complete("a", epoch(2, 0.75))
    for name in ("labels.json", "config.json"):
        (folder.place / "champion" / name).write_text("{}" * 1000)
    return write_study(document), folder


def words_of(command: str, study: Path, folder: Folder) -> list[object]:
    return [command, folder, study.with_name("student")] if command == "pull" else [command, study]


@pytest.mark.parametrize("command", ["check", "status", "results", "searches", "finish", "pull"])
def test_a_command_that_is_left_without_an_answer_says_so_in_a_line(
    run: Run, begun: tuple[Path, Folder], bucket: Door, command: str
) -> None:
    words = words_of(command, *begun)
    bucket.fall_mute(after=1_000_000)
    run(*words)
    asked = 1_000_000 - (bucket.left or 0)
    assert asked > 1
    for answered, by_half in ((0, False), (asked // 2, True), (asked - 1, False)):
        bucket.fall_mute(answered, by_half)
        code, _, lines = run(*words)
        assert (code, len(lines), bucket.is_mute) == (1, 1, True)
        assert lines[0].startswith(f"distune: {SAID}")
        bucket.cut()


def test_what_is_waited_for_is_there_when_the_server_goes_on(bucket: Door) -> None:
    place = Place(f"{ROOT}/file", 300.0)
    place.write_text("好")
    bucket.fall_mute()
    with pytest.raises(AwayError):
        Place(f"{ROOT}/file").read_bytes()
    bucket.open()
    assert place.read_text() == "好"


def test_after_a_patience_is_used_up_nothing_else_waits(bucket: Door) -> None:
    bucket.fall_mute(by_half=True)
    with pytest.raises(AwayError):
        Place(f"{ROOT}/file", 0.1).names()
    with pytest.raises(AwayError):  # A search that ends has more to write.
        Place(f"{ROOT}/other", 3600.0).names()
    bucket.cut()
    bucket.open()
    Place(f"{ROOT}/other").names()
    assert away._given_up == set()
