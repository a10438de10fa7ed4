"""Tests of the settings of metrics and traces."""

from __future__ import annotations

import pytest

from actionhero import BootError, RunMode
from actionhero.testing import running_app
from actionhero_telemetry import plugin


async def start_errors(**variables: str) -> str:
    """Return the errors at start with these settings of telemetry; empty if it starts."""
    environ = {
        **{f"ACTIONHERO_TELEMETRY__{name.upper()}": value for name, value in variables.items()},
        "ACTIONHERO_ENV": "production",
        "ACTIONHERO_APP__SECRET_KEY": "s" * 64,
    }
    try:
        async with running_app(plugin, environ=environ, mode=RunMode.CLI):
            return ""
    except BootError as error:
        return str(error)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"listen": "0.0.0.0:9464"}, "other machines can read the metrics without credentials"),
        ({"route": "/metrics"}, "clients can read the metrics without credentials"),
        ({"username": "prometheus"}, "telemetry.password is not set"),
        ({"password": "hunter2"}, "telemetry.username is not set"),
        ({"listen": "9464"}, "should be a host and a port"),
        ({"listen": "host:99999"}, "should be a host and a port"),
        ({"route": "metrics"}, "should be a path without parameters"),
        ({"buckets": "1,0.5"}, "should be increasing numbers"),
        ({"username": "a:b", "password": "p"}, "should be a name without a colon"),
    ],
)
async def test_invalid_settings_are_start_errors(variables: dict[str, str], expected: str) -> None:
    errors = await start_errors(**variables)

    assert expected in errors
    assert "hunter2" not in errors


@pytest.mark.parametrize(
    "variables",
    [
        {"listen": "127.0.0.1:9464"},
        {"listen": "[::1]:9464"},
        {"listen": "0.0.0.0:9464", "username": "prometheus", "password": "p"},
        {"route": "/metrics", "username": "prometheus", "password": "a:b"},
    ],
)
async def test_protected_addresses_are_allowed_in_production(variables: dict[str, str]) -> None:
    assert await start_errors(**variables) == ""
