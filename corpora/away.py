"""Storages that do not answer for a while: such an error says nothing about a file, and the same call may work later."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ClassVar, Concatenate, ParamSpec, Protocol, TypeVar

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")
PATIENCE_S = 600.0
"""How long a search that has begun waits for its storage, as it waits for its MLflow server."""
AGAIN_AFTER_S = 3.0
AWAY = re.compile(
    r"AWS Error (NETWORK_CONNECTION|SERVICE_UNAVAILABLE|SLOW_DOWN|THROTTLING|REQUEST_TIMEOUT|INTERNAL_FAILURE)"
    r"|HTTP status 5\d\d|google::cloud::Status\((UNAVAILABLE|DEADLINE_EXCEEDED|INTERNAL)"
)
"""The words of pyarrow's file systems for a server that is out of reach, too busy or broken: these errors have no number."""
OF_A_SERVER = re.compile(r"AWS Error|google::cloud::Status|Azure")
"""The words of every error that such a server answers. Errors of damaged content have none of them."""
_given_up: set[str] = set()
"""The storages for which this process has used up a patience: what it still has to ask them is asked once, until one answers."""
_log = logging.getLogger(__name__)


class AwayError(OSError):
    """A storage that does not answer. The message says so and why; what lies there is as it was."""

    exit_code: ClassVar[int] = 1


def patiently(call: Callable[[], Answer], root: str, patience_s: float) -> Answer:
    """The answer of a call to the storage at `root`. The call is made again for `patience_s` seconds while the storage
    does not answer. Raises AwayError if it stays away; after that, further calls do not wait, until one is answered."""
    began_s, is_first = time.monotonic(), True
    while True:
        try:
            answer = call()
        except OSError as error:
            reason = " ".join(str(error).split())
            if isinstance(error, AwayError) or not AWAY.search(reason):
                raise
            tried_s = time.monotonic() - began_s
            if tried_s >= patience_s or root in _given_up:
                if patience_s:
                    _given_up.add(root)
                raise AwayError(
                    f"{root} does not answer (tried for {tried_s:.0f} s: {reason:.200}); try again when it does; a search goes on with "
                    "--resume"
                ) from error
            if is_first:
                _log.warning(f"{root} does not answer ({reason:.120}); this waits for it, {patience_s:.0f} s at most")
                is_first = False
            time.sleep(AGAIN_AFTER_S)
        else:
            if not is_first:
                _log.warning(f"{root} is back")
            _given_up.discard(root)
            return answer


class _Stored(Protocol):
    """A file or folder on this machine at `path`, or in the storage at `root`."""

    @property
    def path(self) -> Path | None: ...

    @property
    def root(self) -> str: ...

    @property
    def patience_s(self) -> float: ...


Stored = TypeVar("Stored", bound=_Stored)


def waits(method: Callable[Concatenate[Stored, Arguments], Answer]) -> Callable[Concatenate[Stored, Arguments], Answer]:
    """A method that is called again until its storage answers; a call that fails must leave nothing behind. Raises
    AwayError after the patience of what is stored."""

    @wraps(method)
    def call(self: Stored, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> Answer:
        if self.path is not None:
            return method(self, *arguments, **named)
        return patiently(lambda: method(self, *arguments, **named), self.root, self.patience_s)

    return call
