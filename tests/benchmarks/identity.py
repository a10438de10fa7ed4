"""CPU time of the principal from a cached session: it is too small for a difference of calls."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.figures import Reading

import actionhero_redis.plugin
import actionhero_sessions.plugin
import actionhero_web.plugin
from actionhero import App, Call, Connection, RunMode
from actionhero.settings.sources import read_sources
from actionhero_sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Collection

KEY: Final = "in_process.session_principal"
#: How often a part is measured; its figure is the best, as the code does nothing but compute.
REPETITIONS: Final = 5


def measure(keys: Collection[str], count: int, parts: int) -> dict[str, Reading]:
    """Return the microseconds from a call to its principal, over a socket with a session.

    Args:
        keys: The figures; without this one, nothing is measured.
        count: How many calls are measured together.
        parts: How many values the figure has.
    """
    return {KEY: Reading(asyncio.run(_measure(count, parts)))} if KEY in keys else {}


async def _measure(count: int, parts: int) -> list[float]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        app = App.from_plugins(
            [actionhero_web.plugin, actionhero_redis.plugin, actionhero_sessions.plugin],
            read_sources(folder, environ={}),
            RunMode.CLI,
        )
        await app.start()
        stack.push_async_callback(app.stop)
        sessions = app.get(Sessions)
        # The cache is used while notices of changes are received.
        notices = await stack.enter_async_context(aclosing(sessions.revocations()))
        assert await anext(notices) is None
        connection = Connection("websocket")
        connection.session_id = "a" * 43
        await sessions._records.write(connection.session_id, {"userId": b"7"}, created_ms=1)
        return [
            min([await _microseconds(app, sessions, connection, count) for _ in range(REPETITIONS)])
            for _ in range(parts)
        ]


async def _microseconds(app: App, sessions: Sessions, connection: Connection, count: int) -> float:
    action: Any = app.actions.find("status")
    begun = time.process_time_ns()
    for _ in range(count):
        call = Call(app.pipeline, action, connection)
        call._session = await sessions.open(connection)
        assert call.principal.user == 7
    return (time.process_time_ns() - begun) / count / 1000
