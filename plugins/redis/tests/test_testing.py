"""The throw-away servers of `actionhero_redis.testing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
import redis

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero_redis.testing import ThrowAwayRedis


def test_data_survives_a_kill(redis_server: ThrowAwayRedis) -> None:
    """The server starts again at the same address."""
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        client.set("x", "value")
    redis_server.kill()
    redis_server.start()

    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        assert client.get("x") == "value"


@pytest.mark.parametrize("on_socket", [False, True], ids=["port", "socket"])
def test_the_server_ends_with_the_block(*, on_socket: bool) -> None:
    """Also if the test has paused it."""
    with throw_away_redis(on_socket=on_socket) as server:
        process = psutil.Process(server.pid)
        server.pause()

    assert not process.is_running()


def test_a_failed_start_fails_the_test_with_the_log() -> None:
    """The test does not wait for the timeout."""
    with (
        pytest.raises(pytest.fail.Exception, match=r"(?s)did not start:.*Bad directive"),
        throw_away_redis(options=["--nonesuch", "1"]),
    ):
        pass


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_without_a_program_a_test_is_skipped_or_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, outcome: type[BaseException]
) -> None:
    """Developers can run the other tests without Redis."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)

    with (
        pytest.raises(outcome, match="no program 'redis-server' or 'valkey-server' on PATH"),
        throw_away_redis(),
    ):
        pass
