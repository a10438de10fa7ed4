"""Several processes share a limit, while Redis is killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from actionhero_redis.testing import ThrowAwayRedis

PROGRAM = Path(__file__).with_name("counting_program.py")
PROCESSES = 4


@pytest.mark.parametrize(
    ("calls", "allowed", "kills"),
    [
        pytest.param(1000, 500, 1, id="short"),
        pytest.param(10_000, 6000, 3, id="long", marks=pytest.mark.soak),
    ],
)
def test_processes_accept_the_quota_over_a_restart_of_redis(
    calls: int, allowed: int, kills: int
) -> None:
    # By default, the kernel of a busy disk gets the numbers of two seconds later.
    with throw_away_redis(options=["--appendfsync", "always"]) as server:
        accepted = run_processes(server, calls, allowed, kills)

    print(f"{accepted} accepted of {calls}, {allowed} allowed")
    # Each process has one call on the way when Redis is killed: Redis may have counted it, and the
    # reply is lost.
    assert allowed - 1 - kills * PROCESSES <= accepted <= allowed + 1


def run_processes(server: ThrowAwayRedis, calls: int, allowed: int, kills: int) -> int:
    """Call from all processes while Redis is killed, and return how many calls were accepted."""
    environ = {
        **os.environ,
        "ACTIONHERO_ENV": "test",
        "REDIS_URL": server.url,
        "ACTIONHERO_REDIS__RETRY_BACKOFF": "1ms",
        "ACTIONHERO_REDIS__MAX_RETRY_BACKOFF": "20ms",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), f"{allowed}/300days", str(calls // PROCESSES)],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    try:
        first = processes[0].stdout
        assert first is not None
        # The tenths of its calls; the quota is not used up yet.
        for _ in range(kills):
            first.readline()
            first.readline()
            server.kill()
            server.start()
        outputs = [process.communicate()[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()

    return sum(int(output.rpartition("accepted ")[2]) for output in outputs)
