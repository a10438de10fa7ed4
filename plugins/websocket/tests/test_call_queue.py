"""The order of the calls of one client, without a network."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from actionhero import Outcome
from actionhero.transport import PendingCall
from actionhero_websocket.call_queue import CallQueue
from actionhero_websocket.settings import WebSocketSettings


def create_session(execute: Any, *ordered: str) -> Any:
    """Return a session whose calls are handled by `execute`.

    Args:
        execute: Receives the connection, the name of the action, and more.
        ordered: The names of the actions whose calls run one after the other.
    """
    registry = SimpleNamespace(
        settings=WebSocketSettings(),
        loop=asyncio.get_running_loop(),
        execute=execute,
        ordered_actions=frozenset(ordered),
        pending=PendingCall(),
        pipeline=SimpleNamespace(start_timeout=lambda *_: None),
        call_started=lambda: None,
        call_finished=lambda: None,
    )
    return SimpleNamespace(
        registry=registry, connection=None, send_text=lambda _: None, end_if_idle=lambda: None
    )


def submit(queue: CallQueue, session: Any, name: str) -> None:
    """Call an action."""
    action: Any = SimpleNamespace(name=name, streams=False, is_generator=False)
    assert queue.submit(session, name, action, {})


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

    session = create_session(execute)
    loop = asyncio.get_running_loop()
    queue = CallQueue(session.registry, limit=2)

    # Not in the task of the test: a call starts immediately only outside of tasks.
    for name in ("first", "second", "waiting"):
        loop.call_soon(submit, queue, session, name)
    for _ in range(2):
        await asyncio.sleep(0)
    release.set()
    # The tasks end in this iteration of the event loop, and free their slots in the next.
    await asyncio.sleep(0)
    loop.call_soon(submit, queue, session, "last")
    await finished.wait()

    assert started == ["first", "second", "waiting", "last"]


async def test_calls_of_an_ordered_action_run_one_after_the_other() -> None:
    """Calls of other actions before them run concurrently, and those behind them wait."""
    events: list[str] = []
    finished = asyncio.Event()

    async def execute(_: Any, action: str, *args: Any, **options: Any) -> Outcome:
        events.append(f"begin {action}")
        # More steps for the first calls: without the order, the last one would end first.
        for _ in range(10 - len(events)):
            await asyncio.sleep(0)
        events.append(f"end {action}")
        if len(events) == 8:
            finished.set()
        return Outcome({})

    session = create_session(execute, "save")
    loop = asyncio.get_running_loop()
    queue = CallQueue(session.registry, limit=32)
    for name in ("read", "save", "save", "show"):
        loop.call_soon(submit, queue, session, name)
    await finished.wait()

    saves = [event for event in events if event.endswith("save")]
    assert saves == ["begin save", "end save"] * 2
    assert events[:2] == ["begin read", "begin save"]
    assert events.index("begin show") > events.index("end save")
