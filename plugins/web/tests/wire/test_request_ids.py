"""Request ids and forwarded addresses."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Serve


@pytest.fixture
def behind_proxy(serve: Serve, client: HttpClient) -> HttpClient:
    """A server that trusts the address of the test."""
    return serve(web__trusted_proxies="127.0.0.1,10.0.0.0/8", web__error_format=client.error_format)


def test_every_request_gets_a_unique_id(client: HttpClient) -> None:
    """A UUID of version 7, which sorts by time."""
    responses = [client.get("/api/client") for _ in range(20)]

    identifiers = [response.header("X-Request-Id") or "" for response in responses]
    assert [response.json["request_id"] for response in responses] == identifiers
    assert len(set(identifiers)) == 20
    assert {uuid.UUID(identifier).version for identifier in identifiers} == {7}
    timestamps = [identifier[:13] for identifier in identifiers]
    assert sorted(timestamps) == timestamps


def test_the_request_id_of_an_untrusted_client_is_ignored(client: HttpClient) -> None:
    """It could be an id that exists in the log."""
    response = client.get("/api/client", X_Request_Id="forged")

    assert response.header("X-Request-Id") == response.json["request_id"] != "forged"


@pytest.mark.parametrize(
    "target",
    [
        "/api/client", "/api/nowhere", "/api/crash", "/nowhere", "/livez", "/page",
        "/failing-page", "/api/native/text", "/api/user/%", "/api/value/large",
        "/endpoint", "/endpoint?conflict", "/endpoint?large", "/endpoint?written",
    ],
)  # fmt: skip
def test_the_request_id_of_a_trusted_proxy_is_used(behind_proxy: HttpClient, target: str) -> None:
    """In every kind of response, and in the error document."""
    response = behind_proxy.get(target, X_Request_Id="abc-123")

    assert response.all("X-Request-Id") == ["abc-123"]
    if response.status >= 400:
        assert response.error["request_id"] == "abc-123"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 201, "ä", "a\tb"])
def test_an_invalid_request_id_is_replaced(behind_proxy: HttpClient, sent: str) -> None:
    """It is too long or not printable."""
    identifier = behind_proxy.get("/api/client", X_Request_Id=sent).header("X-Request-Id") or ""

    assert uuid.UUID(identifier).version == 7


def test_forwarding_headers_of_an_untrusted_client_are_ignored(client: HttpClient) -> None:
    """The remote address is that of the peer."""
    for header in ({"X-Forwarded-For": "9.9.9.9"}, {"Forwarded": "for=9.9.9.9"}):
        assert client.send("GET", "/api/client", None, header).json["remote"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("headers", "remote"),
    [
        ({}, "127.0.0.1"),
        ({"X-Forwarded-For": "9.9.9.9"}, "9.9.9.9"),
        ({"X-Forwarded-For": "6.6.6.6, 9.9.9.9, 10.1.2.3"}, "9.9.9.9"),
        ({"X-Forwarded-For": "invalid, 9.9.9.9"}, "9.9.9.9"),
        ({"X-Forwarded-For": "invalid"}, "127.0.0.1"),
        ({"Forwarded": "for=9.9.9.9;proto=https"}, "9.9.9.9"),
        ({"Forwarded": 'for="[2001:db8::1]:4711"'}, "2001:db8::1"),
        ({"Forwarded": "for=9.9.9.9", "X-Forwarded-For": "8.8.8.8"}, "9.9.9.9"),
    ],
)  # fmt: skip
def test_the_forwarded_address_of_a_trusted_proxy_is_the_remote_address(
    behind_proxy: HttpClient, headers: dict[str, str], remote: str
) -> None:
    """The last entry that is not a trusted proxy."""
    assert behind_proxy.send("GET", "/api/client", None, headers).json["remote"] == remote


def test_only_listed_proxies_are_trusted(serve: Serve) -> None:
    """The address of the test is not listed."""
    client = serve(web__trusted_proxies="10.0.0.0/8")

    response = client.send(
        "GET", "/api/client", None, {"X-Forwarded-For": "9.9.9.9", "X-Request-Id": "forged"}
    )

    assert response.json["remote"] == "127.0.0.1"
    assert response.header("X-Request-Id") != "forged"
