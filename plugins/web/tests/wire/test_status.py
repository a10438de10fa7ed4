"""What can be asked about the health of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import Door, Serve


@pytest.fixture
def ill(serve: Serve, door: Door) -> Door:
    """A server whose dependency cannot be used."""
    return serve(web__error_format=door.profile, WIRE_UNHEALTHY="yes")


def test_status_tells_how_the_process_is(door: Door) -> None:
    """With the keys that clients of the original know."""
    answer = door.get("/api/status")

    status = answer.json
    assert answer.status == 200
    assert list(status) == [
        "name", "pid", "version", "uptime", "consumedMemoryMB", "healthy", "checks",
    ]  # fmt: skip
    assert status["name"] == "wireapp"
    assert status["pid"] == door.process.pid
    assert isinstance(status["uptime"], int)
    assert status["uptime"] > 0
    assert isinstance(status["consumedMemoryMB"], float)
    assert status["consumedMemoryMB"] > 0
    assert status["healthy"] is True
    assert status["checks"] == {"dependency": True}


def test_an_unhealthy_server_answers_503_and_200_in_profile_actionhero(ill: Door) -> None:
    """The same value, and nothing of why."""
    answer = ill.get("/api/status")

    assert answer.status == (503 if ill.profile == "standard" else 200)
    assert answer.json["healthy"] is False
    assert answer.json["checks"] == {"dependency": False}
    assert b"hunter2" not in answer.body


def test_livez_is_200_whatever_the_server_leans_on(ill: Door, door: Door) -> None:
    """Restarting it would not mend the database."""
    for asked in (ill, door):
        answer = asked.get("/livez")

        assert (answer.status, answer.json) == (200, {"alive": True})
        assert answer.header("Cache-Control") == "no-store"


def test_readyz_is_503_while_a_check_fails(ill: Door, door: Door) -> None:
    """In both profiles: it is platforms that read it."""
    ready, waiting = door.get("/readyz"), ill.get("/readyz")

    assert (ready.status, ready.json) == (200, {"ready": True, "checks": {"dependency": True}})
    assert waiting.status == 503
    assert waiting.json == {"ready": False, "checks": {"dependency": False}}
    assert waiting.header("Retry-After") == "1"
    assert b"hunter2" not in waiting.body


def test_probes_are_outside_of_the_prefix(door: Door) -> None:
    """And nowhere else."""
    assert door.get("/api/livez").status == 404
    assert door.get("/api/readyz").status == 404
