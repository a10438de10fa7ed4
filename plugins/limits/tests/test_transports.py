"""Tests of limits over WebSocket, on the command line, and in jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, RunMode
from actionhero_channels import plugin as channels_plugin
from actionhero_limits import Limit
from actionhero_tasks import JobRunner, SettlementKind, Tasks, new_worker_id
from actionhero_tasks import plugin as tasks_plugin
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer
from actionhero_websocket import CallFailed
from actionhero_websocket import plugin as websocket_plugin
from actionhero_websocket.client import connect

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero_redis.testing import ThrowAwayRedis


class Search(Action):
    """Find pages."""

    name = "search"
    web = "GET /search"
    limit = Limit("1/hour")

    async def run(self) -> str:
        return "found"


async def test_a_socket_stays_open(limited_app: Any) -> None:
    """Its errors have the time until the next call."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory", "ACTIONHERO_WEB__PORT": "0"}
    plugins = (web_plugin, channels_plugin, websocket_plugin, Search)
    async with limited_app(*plugins, environ=environ, mode=RunMode.SERVER) as app:
        server = next(each for each in app.app.servers if isinstance(each, WebServer))
        async with connect(f"ws://127.0.0.1:{server.port}/ws") as client:
            assert await client.call("search") == "found"
            for _ in range(2):
                with pytest.raises(CallFailed) as refused:
                    await client.call("search")

    document = refused.value.document
    assert document["type"] == "CONNECTION_RATE_LIMITED"
    assert 3500 < document["retry_after"] <= 3600


async def test_a_job_is_tried_again_when_it_is_possible(limited_app: Any, tmp_path: Path) -> None:
    async with limited_app(tasks_plugin, Search, transports=["task"]) as app:
        tasks, runner, worker = app.get(Tasks), JobRunner(app.app, lambda *_: None), new_worker_id()
        await tasks.use(lambda store: store.register_worker(worker))
        for _ in range(2):
            await tasks.enqueue("search", {})
        claims, _ = await tasks.use(lambda store: store.settle_and_claim(worker, None, 2, ()))
        settlements = [await runner.run(claim) for claim in claims]

    assert [item.kind for item in settlements] == [SettlementKind.DONE, SettlementKind.RETRY]
    assert 3_500_000 < settlements[1].delay_ms <= 3_600_000


PROGRAM = '''
from actionhero import Action
from actionhero_limits import Limit


class Search(Action):
    """Find pages."""

    name = "search"
    limit = Limit("1/hour")

    async def run(self) -> str:
        return "found"
'''


@pytest.mark.parametrize(("transports", "exit_code"), [("web", 0), ("web,cli", 1)])
def test_the_exit_code_of_a_command(
    redis_server: ThrowAwayRedis, tmp_path: Path, transports: str, exit_code: int
) -> None:
    """The operator is limited on request only."""
    (tmp_path / "finder.py").write_text(PROGRAM)
    environ = {
        **os.environ,
        "REDIS_URL": redis_server.url,
        "ACTIONHERO_LIMITS__TRANSPORTS": transports,
        "ACTIONHERO_PLUGINS__ENABLED": "redis,limits",
    }
    command = [sys.executable, "-m", "actionhero", "--app", "finder", "call", "search"]
    runs = [
        subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
        for _ in range(2)
    ]

    assert runs[0].returncode == 0, runs[0].stderr
    assert runs[1].returncode == exit_code
    if exit_code:
        assert 3500 < json.loads(runs[1].stderr)["error"]["retry_after"] <= 3600
