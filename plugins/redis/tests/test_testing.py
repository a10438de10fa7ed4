"""`actionhero_redis.testing` keeps its own promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
import redis

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero_redis.testing import ThrowAwayRedis


def test_what_was_written_survives_a_power_cut(redis_server: ThrowAwayRedis) -> None:
    """A test may end the server and start it again, at the same address."""
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        client.set("x", "kept")
    redis_server.kill()
    redis_server.start()

    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        assert client.get("x") == "kept"


@pytest.mark.parametrize("on_socket", [False, True], ids=["port", "socket"])
def test_after_the_block_it_is_gone(*, on_socket: bool) -> None:
    """Also if the test left it hanging."""
    with throw_away_redis(on_socket=on_socket) as server:
        process = psutil.Process(server.pid)
        server.pause()

    assert not process.is_running()


def test_a_server_that_does_not_start_fails_the_test_with_its_log() -> None:
    """Not with a test that waits for ever."""
    with (
        pytest.raises(pytest.fail.Exception, match=r"(?s)did not start:.*Bad directive"),
        throw_away_redis(options=["--nonesuch", "1"]),
    ):
        pass


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_without_a_program_a_test_is_skipped_and_in_ci_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, outcome: type[BaseException]
) -> None:
    """Who has no Redis still runs the rest; in CI nothing goes unseen."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)

    with (
        pytest.raises(outcome, match="no program 'redis-server' or 'valkey-server' on PATH"),
        throw_away_redis(),
    ):
        pass
