"""The checks of a path or URI before anything is read from it or written to it."""

from __future__ import annotations

import tempfile
import uuid
from typing import ClassVar
from urllib.parse import urlsplit

from distune.corpora.away import AwayError
from distune.corpora.places import UNREADABLE, Place


class PlaceError(ValueError):
    """A path or URI that cannot be used; the message says what to do."""

    exit_code: ClassVar[int] = 2


def check_place(uri: str) -> None:
    """Raise PlaceError unless a path or URI can be understood, and holds no secret; nothing is read or written."""
    if any(
        "\ud800" <= character <= "\udfff" for character in uri
    ):  # How Python spells bytes of a name that are no UTF-8.
        raise PlaceError(f"must be UTF-8; rename the file or folder, but got {uri!r}")
    if "://" not in uri:
        return
    parts = urlsplit(uri)
    if "@" in parts.netloc:
        shown = uri.replace(parts.netloc, f"...@{parts.netloc.rpartition('@')[2]}")
        raise PlaceError(f"must hold no user or password: credentials come from the environment; but got {shown}")
    if parts.scheme not in ("file", "s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss"):
        raise PlaceError(f"must be a path, or a URI that pyarrow opens (file, s3, gs, hdfs, abfs), but got {uri}")


def check_writable(place: Place) -> None:
    """Raise PlaceError unless a folder can be written to, or made, and AwayError for a storage that does not answer; on this
    machine nothing is made for the check."""
    check_place(place.uri)
    try:
        if place.path is not None:
            folder = place.path.absolute()
            existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
            with tempfile.TemporaryFile(dir=existing):
                return
        probe = place / f"probe-{uuid.uuid4().hex}"
        probe.write_bytes(b"")
        probe.delete()
    except AwayError:
        raise
    except UNREADABLE as error:
        reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[0]
        raise PlaceError(f"cannot write to {place}: {reason}") from error
