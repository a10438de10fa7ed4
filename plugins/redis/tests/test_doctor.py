"""`actionhero doctor` reports the Redis in use, and its configuration for production."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from unittest.mock import Mock

import pytest

from actionhero import App, Settings, hookimpl
from actionhero.cli.doctor import examine
from actionhero.health import Finding
from actionhero.settings.sources import read_sources
from actionhero_redis import plugin
from actionhero_redis.doctor_checks import _check_memory
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actionhero_redis.testing import ThrowAwayRedis

PASSWORD = ["--requirepass", "hunter2", "--maxmemory-policy", "allkeys-lru", "--appendonly", "no"]


def findings(folder: Path, *, deploy: bool = False, **environ: str) -> dict[str, tuple[str, str]]:
    """Return the results of `actionhero doctor` that concern Redis, by check."""
    app = App.from_plugins([plugin], read_sources(folder, environ=environ))
    return {
        item.check: (str(item.finding), item.message)
        for item in examine(app, deploy=deploy)
        if "redis" in item.check or item.check in {"initializers", "plugin"}
    }


def test_the_url_of_a_server_is_shown_without_its_password(folder: Path) -> None:
    """With the result of a connection."""
    with throw_away_redis(options=["--requirepass", "hunter2"]) as server:
        url = server.url.replace("redis://", "redis://:hunter2@")

        results = findings(folder, REDIS_URL=url)

    assert results == {
        "redis.mode": ("ok", f"redis://:******@127.0.0.1:{server.port}/0"),
        "redis": ("ok", "usable"),
    }


def test_a_private_server_is_shown_with_its_folder(
    folder: Path, program: Callable[[str], str]
) -> None:
    """And with its program."""
    results = findings(folder, ACTIONHERO_REDIS__MODE="embedded")

    assert results["redis.mode"] == (
        "ok",
        f"a private server ({program('redis-server')}) with its data in "
        f"{folder / '.actionhero' / 'redis'}",
    )
    assert results["redis"] == ("ok", "usable")


def test_memory_is_a_warning(folder: Path) -> None:
    """It names the limitations and the remedy."""
    finding, message = findings(folder, ACTIONHERO_REDIS__MODE="memory")["redis.mode"]

    assert finding == Finding.WARNING
    assert message == (
        "the memory of this process (fakeredis): its data is lost when the process ends, and "
        "other processes cannot see it; install redis-server or valkey-server, or set REDIS_URL"
    )


def test_an_unreachable_server_is_a_failure(folder: Path, redis_server: ThrowAwayRedis) -> None:
    """The check contains the error of a start."""
    redis_server.kill()

    results = findings(folder, deploy=True, REDIS_URL=redis_server.url)

    assert results["initializers"][0] == Finding.FAILED
    assert "cannot be used" in results["initializers"][1]
    assert results["redis.server"][0] == Finding.FAILED
    assert "cannot be queried: " in results["redis.server"][1]
    assert results["redis.server"][1].endswith("; start it, or correct REDIS_URL")


def test_a_server_for_production_passes(folder: Path) -> None:
    """It persists writes, evicts no keys, and its clock is right."""
    with throw_away_redis(options=["--maxmemory-policy", "noeviction"]) as server:
        results = findings(folder, deploy=True, REDIS_URL=server.url)

    assert results["redis.appendonly"] == ("ok", "yes")
    assert results["redis.maxmemory-policy"] == ("ok", "noeviction")
    assert results["redis.clock"] == ("ok", "within 1 s of the local clock")


def test_a_server_that_loses_data_is_a_warning(folder: Path) -> None:
    """It loses the last writes, or evicts keys."""
    options = ["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"]
    with throw_away_redis(options=options) as server:
        results = findings(folder, deploy=True, REDIS_URL=server.url)

    assert results["redis.appendonly"] == (
        "warning",
        "is no: the last writes are lost when the server stops; set it to yes",
    )
    assert results["redis.maxmemory-policy"] == (
        "warning",
        "is allkeys-lru: sessions and jobs are evicted when memory is short; set it to noeviction",
    )


@pytest.mark.parametrize(
    ("limit", "finding", "message"),
    [
        (
            "0",
            "warning",
            "is not set, so the system ends the server when the memory of the machine",
        ),
        ("1gb", "ok", "0% of 1,024 MiB used"),
        ("1200kb", "warning", " of 1 MiB are used; when it is reached, all writes fail"),
    ],
)
def test_the_memory_of_the_server_is_checked(
    folder: Path, limit: str, finding: str, message: str
) -> None:
    """Results, sessions and jobs may outgrow it."""
    with throw_away_redis(options=["--maxmemory", limit]) as server:
        result = findings(folder, deploy=True, REDIS_URL=server.url)["redis.maxmemory"]

    assert result[0] == finding
    assert message in result[1]


def test_the_lifetimes_of_data_are_a_remedy(folder: Path, redis_server: ThrowAwayRedis) -> None:
    """Those of the plugins that are installed."""

    class TasksSettings(Settings):
        """The settings of jobs, without their plugin."""

        section: ClassVar[str] = "tasks"
        result_ttl: timedelta = timedelta(days=1)

    class Tasks:
        """A plugin with them."""

        @hookimpl
        def actionhero_settings(self) -> list[type[Settings]]:
            return [TasksSettings]

    environ = {"REDIS_URL": redis_server.url}
    app = App.from_plugins([plugin, Tasks()], read_sources(folder, environ=environ))
    client = Mock()
    client.info.return_value = {"used_memory": 9 << 20, "maxmemory": 10 << 20}

    message = _check_memory(app, client).message

    assert message.startswith("90% of 10 MiB are used; ")
    assert message.endswith("raise it, or shorten tasks.result_ttl (1 day, 0:00:00)")


def test_an_unreadable_configuration_is_a_warning(folder: Path) -> None:
    """Hosted Redis servers often disable `CONFIG`."""
    with throw_away_redis(options=["--rename-command", "CONFIG", ""]) as server:
        results = findings(folder, deploy=True, REDIS_URL=server.url)

    finding, message = results["redis.appendonly"]
    assert finding == Finding.WARNING
    assert message.startswith("the server does not report it (unknown command")
    assert message.endswith("check its configuration")


def test_a_clock_offset_is_a_warning(
    folder: Path, redis_server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message contains the offset."""
    monkeypatch.setattr("actionhero_redis.doctor_checks.MAX_CLOCK_OFFSET_SECONDS", -1.0)

    finding, message = findings(folder, deploy=True, REDIS_URL=redis_server.url)["redis.clock"]

    assert finding == Finding.WARNING
    assert message.endswith("the local clock; run NTP on both machines")


def test_a_private_server_is_a_warning_for_production(folder: Path) -> None:
    """Other machines cannot use it."""
    results = findings(folder, deploy=True, ACTIONHERO_REDIS__MODE="embedded")

    finding, message = results["redis.mode"]
    assert finding == Finding.WARNING
    assert message.endswith("other machines cannot use it; set REDIS_URL to a shared server")


def test_an_invalid_setting_is_reported_once(folder: Path) -> None:
    """By the validation, not by the checks of Redis."""
    assert set(findings(folder, ACTIONHERO_REDIS__MODE="server")) == {"plugin"}
