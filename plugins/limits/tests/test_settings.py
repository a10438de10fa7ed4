"""Tests of the settings of limits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actionhero_limits import LimitsSettings


def test_results_are_stored_for_a_day() -> None:
    assert LimitsSettings().idempotency_ttl == timedelta(hours=24)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("http", "web"), ("WEB", "web"), ("webs", "web"), ("ws", "websocket"),
        ("websockets", "websocket"), ("Cli", "cli"), ("tasks", "task"), ("jobs", "task"),
    ],
)  # fmt: skip
def test_another_name_of_a_transport_is_an_error(name: str, meant: str) -> None:
    """Its calls would not be limited."""
    with pytest.raises(ValueError, match=f"'{name}' is not a transport; did you mean '{meant}'"):
        LimitsSettings(transports=["mcp", name])


def test_plugins_have_other_transports() -> None:
    names = ["web", "websocket", "mcp", "cli", "task", "webrtc", "grpc", "telnet"]

    assert LimitsSettings(transports=names).transports == names
