"""Identifiers of requests, and who is believed about where they come from."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import Door, Serve


@pytest.fixture
def behind_proxy(serve: Serve, door: Door) -> Door:
    """A server that trusts this machine, where the test is."""
    return serve(web__trusted_proxies="127.0.0.1,10.0.0.0/8", web__error_format=door.profile)


def test_every_request_gets_an_identifier_of_its_own(door: Door) -> None:
    """A UUID of version 7, so that they sort by time."""
    made = [door.get("/api/who") for _ in range(20)]

    identifiers = [answer.header("X-Request-Id") or "" for answer in made]
    assert [answer.json["request_id"] for answer in made] == identifiers
    assert len(set(identifiers)) == 20
    assert {uuid.UUID(identifier).version for identifier in identifiers} == {7}
    moments = [identifier[:13] for identifier in identifiers]
    assert sorted(moments) == moments


def test_the_identifier_of_a_stranger_is_not_taken(door: Door) -> None:
    """Anybody could send one that is in the log already."""
    answer = door.get("/api/who", X_Request_Id="mine")

    assert answer.header("X-Request-Id") == answer.json["request_id"] != "mine"


@pytest.mark.parametrize(
    "target", ["/api/who", "/api/nowhere", "/api/crash", "/nowhere", "/livez", "/page", "/broken",
               "/api/raw/text", "/api/user/%", "/api/give/large"]
)  # fmt: skip
def test_the_identifier_of_a_trusted_proxy_is_taken(behind_proxy: Door, target: str) -> None:
    """On every kind of answer, and into the envelope."""
    answer = behind_proxy.get(target, X_Request_Id="abc-123")

    assert answer.all("X-Request-Id") == ["abc-123"]
    if answer.status >= 400:
        assert answer.error["request_id"] == "abc-123"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 201, "ä", "a\tb"])
def test_an_identifier_that_is_none_is_replaced(behind_proxy: Door, sent: str) -> None:
    """Also from a proxy: too long, or not printable."""
    identifier = behind_proxy.get("/api/who", X_Request_Id=sent).header("X-Request-Id") or ""

    assert uuid.UUID(identifier).version == 7


def test_forwarded_addresses_of_strangers_are_not_believed(door: Door) -> None:
    """The remote is who is connected."""
    for header in ({"X-Forwarded-For": "9.9.9.9"}, {"Forwarded": "for=9.9.9.9"}):
        assert door.send("GET", "/api/who", None, header).json["remote"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("headers", "remote"),
    [
        ({}, "127.0.0.1"),
        ({"X-Forwarded-For": "9.9.9.9"}, "9.9.9.9"),
        ({"X-Forwarded-For": "6.6.6.6, 9.9.9.9, 10.1.2.3"}, "9.9.9.9"),
        ({"X-Forwarded-For": "nonsense, 9.9.9.9"}, "9.9.9.9"),
        ({"X-Forwarded-For": "nonsense"}, "127.0.0.1"),
        ({"Forwarded": "for=9.9.9.9;proto=https"}, "9.9.9.9"),
        ({"Forwarded": 'for="[2001:db8::1]:4711"'}, "2001:db8::1"),
        ({"Forwarded": "for=9.9.9.9", "X-Forwarded-For": "8.8.8.8"}, "9.9.9.9"),
    ],
)  # fmt: skip
def test_the_address_that_a_trusted_proxy_tells_is_the_remote(
    behind_proxy: Door, headers: dict[str, str], remote: str
) -> None:
    """The nearest that is no trusted proxy itself."""
    assert behind_proxy.send("GET", "/api/who", None, headers).json["remote"] == remote


def test_only_listed_proxies_are_trusted(serve: Serve) -> None:
    """This machine is not in the list."""
    door = serve(web__trusted_proxies="10.0.0.0/8")

    answer = door.send(
        "GET", "/api/who", None, {"X-Forwarded-For": "9.9.9.9", "X-Request-Id": "mine"}
    )

    assert answer.json["remote"] == "127.0.0.1"
    assert answer.header("X-Request-Id") != "mine"
