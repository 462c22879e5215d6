"""The requests that are answered: by the Host that they ask for, and by the Origin of the page that asks.

A page elsewhere can have its own name resolve to this machine (DNS rebinding), and its browser then asks us as that page's own
server; the Host that it names gives it away. A page can also send a request here by our own name; its Origin gives it away.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from distune.tuning.serve.limits import ServingError

MAX_HOST_CHARS = 300
"""No name is longer, with its port."""
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s,]+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Access:
    """The allowed hosts and origins in addition to loopback: the address of --host, and names of hosts and origins,
    in which `*` stands for anything."""

    address: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def has_host(self, header: str) -> bool:
        """Whether a Host header, with its port or without, is one of ours."""
        return len(header) <= MAX_HOST_CHARS and _has_host(self, header)

    def judge_host(self, header: str) -> bool:
        """The answer of `has_host`, which remembers it."""
        name = _name(header)
        if name is not None and self._is_own(name):
            return True
        return any(_fits(one, pattern) for pattern in self.hosts for one in (header.lower(), name) if one)

    def has_origin(self, origin: str, host: str | None) -> bool:
        """Whether an Origin header is that of the same host, of a page on this machine, or allowed."""
        netloc = origin.lower().partition("://")[2]
        if netloc and host is not None and netloc == host.lower():
            return True
        name = _name(netloc)
        if name is not None and (_is_loopback(name) or name == self.address.lower()):
            return True
        return any(_fits(origin.lower(), pattern) for pattern in self.origins)

    def _is_own(self, name: str) -> bool:
        if _is_loopback(name) or name == self.address.lower():
            return True
        # Where --host is a name, or stands for all addresses, none is named. What was rebound is a name: addresses are safe.
        own = _address(self.address)
        return (own is None or own.is_unspecified) and _address(name) is not None


@lru_cache(maxsize=128)
def _has_host(access: Access, header: str) -> bool:
    # Every request asks, nearly all of them by one header; to take it apart is as dear as all other checks together.
    return access.judge_host(header)


def access_of(address: str, hosts: str, origins: str) -> Access:
    """The access that the flags give, each list with commas. Raises ServingError for what is no host and no origin."""
    allowed_hosts, allowed_origins = (
        tuple(one.strip().lower() for one in names.split(",") if one.strip()) for names in (hosts, origins)
    )
    if not address.strip():
        raise ServingError(
            "--host must be an address or a name, but got none; 0.0.0.0 listens at every address of this machine"
        )
    for one in allowed_hosts:
        if "/" in one or " " in one:
            raise ServingError(
                f"--allowed-hosts: {one!r} is no host; write it as in a Host header, such as students.example.com"
            )
    for one in allowed_origins:
        if one != "*" and not ORIGIN.fullmatch(one):
            raise ServingError(
                f"--allowed-origins: {one!r} is no origin; write its scheme and host alone, such as https://app.example.com"
            )
    return Access(address=address, hosts=allowed_hosts, origins=allowed_origins)


def _name(netloc: str) -> str | None:
    """The host of `host` or `host:port`, without the brackets of an address; None if it is neither."""
    try:
        parts = urlsplit(f"//{netloc}")
        _ = parts.port  # It raises for what is no port.
    except ValueError:
        return None
    return parts.hostname if parts.netloc == netloc and "@" not in netloc else None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_loopback(name: str) -> bool:
    found = _address(name)
    return name == "localhost" or (found is not None and found.is_loopback)


def _fits(one: str, pattern: str) -> bool:
    # As MLflow has it. A pattern without a star is no pattern: [::1] would be one of three characters.
    return fnmatch.fnmatchcase(one, pattern.replace("[", "[[]")) if "*" in pattern else one == pattern


def guarded(app: ASGIApp, access: Access) -> ASGIApp:
    """The service behind its allow-lists.

    Starlette's TrustedHostMiddleware would refuse without saying which flag helps, and its CORSMiddleware refuses preflights
    alone: it lets a page elsewhere ask, and only hides the answer from it. It speaks for us to those origins that are allowed.
    """
    speaking = CORSMiddleware(app, allow_origin_regex=".*", allow_methods=["*"], allow_headers=["*"])

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        host, origin = (_header(scope, name) for name in (b"host", b"origin"))
        reason = ""
        if host is not None and not access.has_host(host):  # HTTP/1.0 has none, and no browser speaks that.
            reason = f"the host {host[:100]!r} is not allowed here: --allowed-hosts says which are"
        elif origin is not None and not access.has_origin(origin, host):
            reason = f"pages of {origin[:100]!r} are not allowed to ask here: --allowed-origins says which are"
        if reason:
            return await JSONResponse({"error": reason}, 403)(scope, receive, send)
        return await (app if origin is None else speaking)(scope, receive, send)

    return check


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)
