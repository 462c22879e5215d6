from __future__ import annotations

import json

import pytest
from starlette.responses import JSONResponse

from distune.tuning.serve.access import Access, access_of, guarded
from distune.tuning.serve.limits import ServingError
from tests.making.asgi import asked

LOOPBACK = Access()
OF_AN_ADDRESS = Access(address="10.0.0.5")
OF_ALL = Access(address="0.0.0.0")
OF_A_NAME = Access(address="students.lan")
NAMED = Access(hosts=("students.example.com", "*.internal", "10.*:8000", "[fd00::1]"))
ANY = Access(hosts=("*",))


@pytest.mark.parametrize(
    ("access", "header", "is_allowed"),
    [
        (LOOPBACK, "127.0.0.1", True),
        (LOOPBACK, "127.0.0.1:8000", True),
        (LOOPBACK, "LocalHost:1", True),
        (LOOPBACK, "[::1]:8000", True),
        (LOOPBACK, "evil.example", False),
        (LOOPBACK, "localhost.evil.example", False),
        (LOOPBACK, "10.0.0.5", False),
        (LOOPBACK, "a@127.0.0.1", False),
        (LOOPBACK, "127.0.0.1/a", False),
        (LOOPBACK, "127.0.0.1:99999", False),
        (LOOPBACK, "[::1", False),
        (LOOPBACK, "", False),
        (OF_AN_ADDRESS, "10.0.0.5:8000", True),
        (OF_AN_ADDRESS, "10.0.0.6:8000", False),
        (OF_AN_ADDRESS, "localhost", True),
        (OF_ALL, "10.0.0.5:8000", True),
        (OF_ALL, "[fd00::1]", True),
        (OF_ALL, "evil.example", False),
        (OF_A_NAME, "students.lan:80", True),
        (OF_A_NAME, "10.0.0.5", True),
        (OF_A_NAME, "evil.example", False),
        (NAMED, "students.example.com:8000", True),
        (NAMED, "a.internal", True),
        (NAMED, "a.internal:8000", True),
        (NAMED, "internal.evil.example", False),
        (NAMED, "10.1.1.1:8000", True),
        (NAMED, "10.1.1.1:9000", False),
        (NAMED, "[fd00::1]", True),
        (ANY, "evil.example", True),
    ],
)
def test_hosts_are_loopback_what_is_listened_at_and_what_is_allowed(
    access: Access, header: str, is_allowed: bool
) -> None:
    assert access.has_host(header) is is_allowed


@pytest.mark.parametrize(
    ("origins", "origin", "is_allowed"),
    [
        ("", "http://students.lan:8000", True),  # The host that is asked.
        ("", "https://students.lan:8000", True),  # The same behind a proxy with encryption.
        ("", "http://students.lan", False),
        ("", "http://localhost:3000", True),
        ("", "http://127.0.0.1", True),
        ("", "http://localhost.evil.example", False),
        ("", "http://localhost@evil.example", False),
        ("", "null", False),
        ("", "", False),
        ("", "http://[::1", False),
        ("https://app.example.com", "https://app.example.com", True),
        ("https://app.example.com", "https://APP.example.com", True),
        ("https://app.example.com", "http://app.example.com", False),
        ("https://a.example.com, https://*.b.example.com", "https://x.b.example.com", True),
        ("https://a.example.com, https://*.b.example.com", "https://x.c.example.com", False),
        ("*", "null", True),
    ],
)
def test_origins_are_the_host_itself_this_machine_and_what_is_allowed(
    origins: str, origin: str, is_allowed: bool
) -> None:
    assert access_of("127.0.0.1", "", origins).has_origin(origin, "students.lan:8000") is is_allowed


def test_lists_that_could_never_fit_are_refused() -> None:
    with pytest.raises(
        ServingError, match=r"--allowed-hosts: 'http://a\.example' is no host; write it as in a Host header"
    ):
        access_of("127.0.0.1", "http://a.example", "")
    for origin in ("app.example.com", "https://app.example.com/", "https://app.example.com/page"):
        with pytest.raises(
            ServingError, match=f"--allowed-origins: '{origin}' is no origin; write its scheme and host"
        ):
            access_of("127.0.0.1", "", f"http://a, {origin}")


APP = guarded(JSONResponse("told"), access_of("127.0.0.1", "", "https://app.example.com"))
PREFLIGHT = {"access_control_request_method": "POST", "access_control_request_headers": "content-type"}


def test_a_refusal_names_the_flag() -> None:
    status, body, _ = asked(APP, "/predict", host="evil.example")
    assert (status, json.loads(body)) == (
        403,
        {"error": "the host 'evil.example' is not allowed here: --allowed-hosts says which are"},
    )
    status, body, told = asked(APP, "/predict", "POST", host="localhost", origin="https://evil.example")
    assert (status, json.loads(body)) == (
        403,
        {"error": "pages of 'https://evil.example' are not allowed to ask here: --allowed-origins says which are"},
    )
    assert "access-control-allow-origin" not in told


def test_preflights_are_answered_for_allowed_origins_alone() -> None:
    status, _, told = asked(APP, "/predict", "OPTIONS", host="localhost", origin="https://app.example.com", **PREFLIGHT)
    assert (status, told["access-control-allow-origin"]) == (200, "https://app.example.com")
    assert told["access-control-allow-headers"] == "content-type"
    status, _, told = asked(APP, "/predict", "OPTIONS", host="localhost", origin="https://evil.example", **PREFLIGHT)
    assert status == 403
    assert not [name for name in told if name.startswith("access-control")]


def test_what_no_page_asks_is_answered_as_ever() -> None:
    for headers in ({"host": "localhost"}, {}):  # HTTP/1.0 names no host.
        status, body, told = asked(APP, "/predict", **headers)
        assert (status, body) == (200, b'"told"')
        assert not [name for name in told if name.startswith("access-control")]
    told = asked(APP, "/predict", "POST", host="localhost", origin="https://app.example.com")[2]
    assert told["access-control-allow-origin"] == "https://app.example.com"


@pytest.mark.parametrize("address", ["", " "])
def test_no_address_is_not_every_address(address: str) -> None:
    with pytest.raises(ServingError, match="--host must be an address or a name, but got none"):
        access_of(address, "", "")
