"""`actionhero doctor` says which Redis is in use, and what is wrong with it for production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import App
from actionhero.cli.doctor import examine
from actionhero.health import Finding
from actionhero.settings.sources import read_sources
from actionhero_redis import plugin
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from actionhero_redis.testing import ThrowAwayRedis

PASSWORD = ["--requirepass", "hunter2", "--maxmemory-policy", "allkeys-lru", "--appendonly", "no"]


def findings(folder: Path, *, deploy: bool = False, **environ: str) -> dict[str, tuple[str, str]]:
    """Return what `actionhero doctor` finds of Redis."""
    app = App.of([plugin], read_sources(folder, environ=environ))
    return {
        item.check: (str(item.finding), item.message)
        for item in examine(app, deploy=deploy)
        if "redis" in item.check or item.check in {"initializers", "plugin"}
    }


def test_a_server_is_named_without_its_password(folder: Path) -> None:
    """Where it is, and that it answers."""
    with throw_away_redis(options=["--requirepass", "hunter2"]) as server:
        url = server.url.replace("redis://", "redis://:hunter2@")

        found = findings(folder, REDIS_URL=url)

    assert found == {
        "redis.mode": ("ok", f"redis://:******@127.0.0.1:{server.port}/0"),
        "redis": ("ok", "usable"),
    }


def test_a_private_server_is_named_with_its_folder(
    folder: Path, program: Callable[[str], str]
) -> None:
    """What was started, and where it keeps its data."""
    found = findings(folder, ACTIONHERO_REDIS__MODE="embedded")

    assert found["redis.mode"] == (
        "ok",
        f"a private server ({program('redis-server')}), which keeps its data in "
        f"{folder / '.actionhero' / 'redis'}",
    )
    assert found["redis"] == ("ok", "usable")


def test_memory_is_a_warning(folder: Path) -> None:
    """It says what memory cannot do, and what to do about it."""
    finding, message = findings(folder, ACTIONHERO_REDIS__MODE="memory")["redis.mode"]

    assert finding == Finding.WARNING
    assert message == (
        "memory of this process alone (fakeredis): nothing is kept when it ends, and no other "
        "process sees it; install redis-server or valkey-server, or set REDIS_URL"
    )


def test_a_server_that_is_away_fails(folder: Path, redis_server: ThrowAwayRedis) -> None:
    """The check that failed tells what a start would tell."""
    redis_server.kill()

    found = findings(folder, deploy=True, REDIS_URL=redis_server.url)

    assert found["initializers"][0] == Finding.FAILED
    assert "cannot be used" in found["initializers"][1]
    assert found["redis.server"][0] == Finding.FAILED
    assert "cannot be asked: " in found["redis.server"][1]


def test_a_server_fit_for_production_passes(folder: Path) -> None:
    """What is written stays, nothing is thrown away, and the clocks agree."""
    with throw_away_redis(options=["--maxmemory-policy", "noeviction"]) as server:
        found = findings(folder, deploy=True, REDIS_URL=server.url)

    assert found["redis.appendonly"] == ("ok", "yes")
    assert found["redis.maxmemory-policy"] == ("ok", "noeviction")
    assert found["redis.clock"] == ("ok", "within 1 s of ours")


def test_a_server_that_forgets_is_a_warning(folder: Path) -> None:
    """It loses what was written last, or throws away what somebody still needs."""
    options = ["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"]
    with throw_away_redis(options=options) as server:
        found = findings(folder, deploy=True, REDIS_URL=server.url)

    assert found["redis.appendonly"] == (
        "warning",
        "is no: what was written last is lost when the server ends; set it to yes",
    )
    assert found["redis.maxmemory-policy"] == (
        "warning",
        "is allkeys-lru: sessions and jobs are thrown away when memory is short; set it to "
        "noeviction",
    )


def test_a_server_that_does_not_tell_is_a_warning(folder: Path) -> None:
    """Who rents a Redis is often not shown how it is set up."""
    with throw_away_redis(options=["--rename-command", "CONFIG", ""]) as server:
        found = findings(folder, deploy=True, REDIS_URL=server.url)

    finding, message = found["redis.appendonly"]
    assert finding == Finding.WARNING
    assert message.startswith("the server does not tell (unknown command")
    assert message.endswith("look at it where the server is run")


def test_clocks_that_differ_are_a_warning(
    folder: Path, redis_server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose clock is wrong cannot be told, by how much can."""
    monkeypatch.setattr("actionhero_redis.doctor_checks.CLOCK_SECONDS", -1.0)

    finding, message = findings(folder, deploy=True, REDIS_URL=redis_server.url)["redis.clock"]

    assert finding == Finding.WARNING
    assert message.endswith("ours; run NTP on both machines")


def test_a_private_server_is_a_warning_for_production(folder: Path) -> None:
    """It serves one machine only."""
    found = findings(folder, deploy=True, ACTIONHERO_REDIS__MODE="embedded")

    finding, message = found["redis.mode"]
    assert finding == Finding.WARNING
    assert message.endswith("no other machine can use it; set REDIS_URL to a server that all share")


def test_what_keeps_us_from_starting_is_told_once(folder: Path) -> None:
    """A setting that is wrong is a problem of its own."""
    assert set(findings(folder, ACTIONHERO_REDIS__MODE="server")) == {"plugin"}
