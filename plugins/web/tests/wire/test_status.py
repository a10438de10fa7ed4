"""The status action and the health probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Serve


@pytest.fixture
def unhealthy(serve: Serve, client: HttpClient) -> HttpClient:
    """A server with a failing dependency."""
    return serve(web__error_format=client.error_format, WIRE_UNHEALTHY="yes")


def test_status_returns_the_state_of_the_process(client: HttpClient) -> None:
    """With the keys that clients of the original ActionHero know."""
    response = client.get("/api/status")

    status = response.json
    assert response.status == 200
    assert list(status) == [
        "name", "pid", "version", "uptime", "consumedMemoryMB", "healthy", "checks",
    ]  # fmt: skip
    assert status["name"] == "wireapp"
    assert status["pid"] == client.process.pid
    assert isinstance(status["uptime"], int)
    assert status["uptime"] > 0
    assert isinstance(status["consumedMemoryMB"], float)
    assert status["consumedMemoryMB"] > 0
    assert status["healthy"] is True
    assert status["checks"] == {"dependency": True}


def test_the_status_of_an_unhealthy_server_is_503_or_200_in_the_format_actionhero(
    unhealthy: HttpClient,
) -> None:
    """The value is the same, without the reason."""
    response = unhealthy.get("/api/status")

    assert response.status == (503 if unhealthy.error_format == "standard" else 200)
    assert response.json["healthy"] is False
    assert response.json["checks"] == {"dependency": False}
    assert b"hunter2" not in response.body


def test_livez_is_200_regardless_of_dependencies(unhealthy: HttpClient, client: HttpClient) -> None:
    """A restart of the server would not fix a dependency."""
    for server in (unhealthy, client):
        response = server.get("/livez")

        assert (response.status, response.json) == (200, {"alive": True})
        assert response.header("Cache-Control") == "no-store"


def test_readyz_is_503_while_a_check_fails(unhealthy: HttpClient, client: HttpClient) -> None:
    """In both error formats, as platforms read it."""
    ready, failing = client.get("/readyz"), unhealthy.get("/readyz")

    assert (ready.status, ready.json) == (200, {"ready": True, "checks": {"dependency": True}})
    assert failing.status == 503
    assert failing.json == {"ready": False, "checks": {"dependency": False}}
    assert failing.header("Retry-After") == "1"
    assert b"hunter2" not in failing.body


def test_probes_are_outside_of_the_prefix(client: HttpClient) -> None:
    """They do not exist below the prefix."""
    assert client.get("/api/livez").status == 404
    assert client.get("/api/readyz").status == 404
