"""The order of the calls of one client, without a network."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from actionhero import Outcome
from actionhero.transport import PendingCall
from actionhero_websocket.calls import CallQueue
from actionhero_websocket.settings import WebSocketSettings


async def test_a_call_does_not_overtake_those_that_wait_for_a_slot() -> None:
    """Although it arrives when two calls have finished, and only one waits."""
    started: list[str] = []
    release, finished = asyncio.Event(), asyncio.Event()

    async def execute(_: Any, action: str, *args: Any, **options: Any) -> Outcome:
        started.append(action)
        await release.wait()
        if len(started) == 4:
            finished.set()
        return Outcome({})

    registry: Any = SimpleNamespace(
        settings=WebSocketSettings(),
        loop=asyncio.get_running_loop(),
        execute=execute,
        pending=PendingCall(),
        pipeline=SimpleNamespace(start_timeout=lambda *_: None),
        call_started=lambda: None,
        call_finished=lambda: None,
    )
    session: Any = SimpleNamespace(
        registry=registry, connection=None, send_text=lambda _: None, end_if_idle=lambda: None
    )
    queue = CallQueue(registry, limit=2)

    def submit(name: str) -> None:
        action: Any = SimpleNamespace(name=name, streams=False, is_generator=False)
        queue.submit(session, name, action, {})

    # Not in the task of the test: a call starts immediately only outside of tasks.
    for name in ("first", "second", "waiting"):
        registry.loop.call_soon(submit, name)
    for _ in range(2):
        await asyncio.sleep(0)
    release.set()
    # The tasks end in this iteration of the event loop, and free their slots in the next.
    await asyncio.sleep(0)
    registry.loop.call_soon(submit, "last")
    await finished.wait()

    assert started == ["first", "second", "waiting", "last"]
