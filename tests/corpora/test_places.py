from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from distune.corpora.away import AwayError
from distune.corpora.disk import NO_ROOM, DiskError, disk_error
from distune.corpora.place_checks import PlaceError, check_place, check_writable
from distune.corpora.places import Place


@pytest.fixture(params=["path", "uri"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(str(tmp_path) if request.param == "path" else tmp_path.as_uri())


def test_what_is_written_is_read_back_and_its_folders_are_made(root: Place, tmp_path: Path) -> None:
    place = root / "a" / "b.txt"
    place.write_text("好")
    assert (place.read_text(), place.read_bytes(), place.name) == ("好", "好".encode(), "b.txt")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "好"
    assert (root / "a").names() == ["b.txt"]


def test_a_file_is_replaced_at_once_and_leaves_nothing_beside_it(root: Place) -> None:
    (root / "a").write_text("one")
    (root / "a").write_text("two")
    assert (root.names(), (root / "a").read_text()) == (["a"], "two")


def test_a_place_on_this_machine_has_a_path(root: Place, tmp_path: Path) -> None:
    assert (root / "a").path == tmp_path / "a"
    assert Place("s3://bucket/a").path is None


def test_what_is_not_there_has_no_names_and_is_deleted_in_peace(root: Place) -> None:
    assert (root / "nothing").names() == []
    assert not (root / "nothing").exists()
    (root / "nothing").delete()
    with pytest.raises(FileNotFoundError):
        (root / "nothing").read_bytes()


def test_a_folder_is_deleted_with_what_is_in_it(root: Place) -> None:
    (root / "a" / "b").write_text("")
    assert (root / "a").exists()
    assert not (root / "a").is_file()
    (root / "a").delete()
    assert root.names() == []


def test_a_place_here_is_written_to_and_read_where_it_is(root: Place, tmp_path: Path) -> None:
    with (root / "a").to_write() as folder:
        assert folder == tmp_path / "a"
        (folder / "b").write_text("1", encoding="utf-8")
    with (root / "a").to_read() as folder:
        assert [path.name for path in folder.iterdir()] == ["b"]


def test_options_of_a_uri_stay_behind_its_path() -> None:
    place = Place("s3://bucket/a?region=eu-1") / "b" / "c"
    assert (str(place), place.name) == ("s3://bucket/a/b/c?region=eu-1", "c")


@pytest.mark.parametrize("uri", ["s3://KEY:SECRET@bucket/a", "hdfs://user@host:1/a"])
def test_a_uri_with_a_secret_is_refused_and_the_secret_not_repeated(uri: str) -> None:
    with pytest.raises(PlaceError, match="credentials come from the environment") as caught:
        check_place(uri)
    assert "SECRET" not in str(caught.value)
    assert "user@" not in str(caught.value)


def test_a_scheme_that_nothing_opens_is_refused() -> None:
    with pytest.raises(PlaceError, match=r"must be a path, or a URI that pyarrow opens .*but got http://host/a"):
        check_place("http://host/a")


def test_a_folder_that_cannot_be_made_is_refused_and_one_that_can_is_not_made(tmp_path: Path) -> None:
    check_writable(Place(str(tmp_path / "new" / "folder")))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(PlaceError, match="cannot write to"):
        check_writable(Place(str(tmp_path / "file" / "folder")))


def test_a_storage_that_is_away_is_not_one_that_cannot_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: Place, content: bytes) -> None:
        raise AwayError("s3://b does not answer (refused)")

    monkeypatch.setattr(Place, "write_bytes", write)
    with pytest.raises(AwayError, match="does not answer"):
        check_writable(Place("s3://b/storage"))


def test_a_relative_place_is_absolute_where_it_has_travelled_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = Place("storage") / "a"
    travelled = pickle.loads(pickle.dumps(place))
    assert (str(place), str(travelled)) == ("storage/a", f"{tmp_path}/storage/a")
    for uri in ("s3://bucket/a", "/storage/a", "file:///storage/a"):
        assert pickle.loads(pickle.dumps(Place(uri))) == Place(uri)


def test_a_file_and_its_new_folders_are_on_the_disk_when_it_is_written(
    root: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.readlink(f"/proc/self/fd/{number}")))
    (root / "new" / "b").write_text("1")
    kept, file, folder = synced
    assert (kept, folder) == (str(tmp_path), str(tmp_path / "new"))
    assert file.startswith(f"{tmp_path}/new/b.")
    (root / "new" / "c").write_bytes(b"2", durable=False)
    assert len(synced) == 3


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("step", ["write", "fsync"])
def test_a_disk_that_takes_no_more_leaves_a_file_as_it_was_and_says_how_much_is_free(
    root: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, step: str
) -> None:
    (root / "a").write_text("before")

    def fails(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr(os, "fsync", fails)
        else:
            patch.setattr(Path, "replace", fails)
        with pytest.raises(DiskError) as caught:
            (root / "a").write_text("after")
    assert str(caught.value).startswith(f"cannot write {tmp_path}/a: {NO_ROOM[number]}; ")
    assert str(caught.value).endswith(" MB are free there")
    assert (caught.value.errno, caught.value.exit_code) == (number, 1)
    assert (root.names(), (root / "a").read_text()) == (["a"], "before")


def test_an_error_of_another_cause_is_raised_as_it_is(root: Place) -> None:
    (root / "a").write_text("a file")
    with pytest.raises(FileExistsError):
        (root / "a" / "b").write_text("in it")


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("(sqlite3.OperationalError) database or disk is full", errno.ENOSPC),
        ("Error while serializing: I/O error: No space left on device (os error 28)", errno.ENOSPC),
        ("attempt to write a readonly database", errno.EROFS),
        ("disk I/O error", errno.EIO),
    ],
)
def test_what_libraries_say_of_a_full_disk_is_understood(tmp_path: Path, said: str, number: int) -> None:
    try:
        try:
            raise RuntimeError(said)
        except RuntimeError as error:
            raise ValueError("it could not be kept") from error
    except ValueError as error:
        found = disk_error(error, tmp_path / "mlflow.db")
    assert found is not None
    assert (found.errno, str(found).split(": ")[0]) == (number, f"cannot write {tmp_path}/mlflow.db")
    assert disk_error(ValueError("another"), tmp_path) is None


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    """A folder that only a file system of pyarrow reaches, as on HDFS."""
    system = SubTreeFileSystem(str(tmp_path), LocalFileSystem())
    monkeypatch.setattr("distune.corpora.places.system_at", lambda uri: (system, ""))
    return Place("hdfs://host/folder")


def test_a_file_elsewhere_is_written_whole(elsewhere: Place, tmp_path: Path) -> None:
    (elsewhere / "a.txt").write_text("one")
    with (elsewhere / "b.txt").to_write_file() as path:
        path.write_text("two", encoding="utf-8")
    assert {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "folder").iterdir()} == {
        "a.txt": "one",
        "b.txt": "two",
    }


def test_a_file_elsewhere_that_cannot_be_moved_leaves_nothing_beside_it(
    elsewhere: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unmovable(SubTreeFileSystem):
        def move(self, src: str, dest: str) -> None:
            raise OSError("no such right")

    system = Unmovable(str(tmp_path), LocalFileSystem())
    monkeypatch.setattr("distune.corpora.places.system_at", lambda uri: (system, ""))
    with pytest.raises(OSError, match="no such right"):
        (elsewhere / "a.txt").write_text("one")
    with pytest.raises(OSError, match="no such right"), (elsewhere / "b.txt").to_write_file() as path:
        path.write_text("two", encoding="utf-8")
    assert list((tmp_path / "folder").iterdir()) == []
