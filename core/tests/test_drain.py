"""`Drain`: the shutdown of all servers together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actionhero import Server
from actionhero.lifecycle import Drain

if TYPE_CHECKING:
    import pytest

    from actionhero import Application

LONG_SECONDS = 60.0


class RecordingServer(Server):
    """Records the steps of its shutdown, and raises the given errors."""

    name = "example"

    def __init__(self, steps: list[str], label: str = "example", **errors: Exception) -> None:
        self.steps = steps
        self.label = label
        self.errors = errors
        self.open_calls: asyncio.Event | None = None

    async def start(self, app: Application) -> None: ...

    def record(self, step: str) -> None:
        self.steps.append(f"{self.label} {step}")
        if step in self.errors:
            raise self.errors[step]

    async def stop_accepting(self) -> None:
        self.record("stops accepting")

    async def finish(self) -> None:
        self.record("finishes")
        if self.open_calls is not None:
            try:
                await self.open_calls.wait()
            except asyncio.CancelledError:
                self.steps.append(f"{self.label} is cancelled")
                raise

    async def close(self) -> None:
        self.record("closes")


async def test_all_servers_shut_down_step_by_step() -> None:
    """Open calls finish after all servers stop accepting. Servers close in reverse order."""
    steps: list[str] = []
    drain = Drain()

    failures = await drain.run(
        [RecordingServer(steps, "one"), RecordingServer(steps, "two")], LONG_SECONDS
    )

    assert failures == []
    assert steps == [
        "one stops accepting",
        "two stops accepting",
        "one finishes",
        "two finishes",
        "two closes",
        "one closes",
    ]
    assert drain.has_begun


async def test_readiness_ends_first() -> None:
    """Load balancers send no further requests."""
    drain = Drain()
    readiness: list[bool] = []

    class Observer(RecordingServer):
        async def stop_accepting(self) -> None:
            readiness.append(not drain.has_begun)

    assert not drain.has_begun
    await drain.run([Observer([])], LONG_SECONDS)

    assert readiness == [False]
    assert drain.has_begun


async def test_open_calls_finish_before_servers_close() -> None:
    """The servers wait concurrently."""
    steps: list[str] = []
    one, two = RecordingServer(steps, "one"), RecordingServer(steps, "two")
    one.open_calls, two.open_calls = asyncio.Event(), asyncio.Event()
    draining = asyncio.create_task(Drain().run([one, two], LONG_SECONDS))
    for _ in range(5):
        await asyncio.sleep(0)

    assert steps[-2:] == ["one finishes", "two finishes"]
    two.open_calls.set()
    one.open_calls.set()
    await draining

    assert steps[-2:] == ["two closes", "one closes"]


async def test_open_calls_are_cancelled_after_the_grace_period(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log names the server."""
    steps: list[str] = []
    server = RecordingServer(steps)
    server.open_calls = asyncio.Event()

    failures = await Drain().run([server], 0.0)

    assert failures == []
    assert steps[-2:] == ["example is cancelled", "example closes"]
    [record] = caplog.records
    assert record.getMessage() == (
        "server 'example' still has open calls after 0.0 s; cancelling them"
    )


async def test_a_failing_server_does_not_affect_the_others() -> None:
    """Every step is taken for every server, and all failures are returned."""
    steps: list[str] = []
    errors = [RuntimeError("accept"), RuntimeError("finish"), RuntimeError("close")]
    failing = RecordingServer(
        steps,
        "failing",
        **{"stops accepting": errors[0], "finishes": errors[1], "closes": errors[2]},
    )

    failures = await Drain().run([failing, RecordingServer(steps, "other")], LONG_SECONDS)

    assert failures == [("server 'example'", error) for error in errors]
    assert len(steps) == 6


async def test_a_second_run_does_nothing() -> None:
    """The servers are shut down once."""
    steps: list[str] = []
    drain = Drain()
    await drain.run([RecordingServer(steps)], LONG_SECONDS)

    assert await drain.run([RecordingServer(steps)], LONG_SECONDS) == []
    assert len(steps) == 3


async def test_a_drain_without_servers_ends_immediately() -> None:
    """As on the command line."""
    drain = Drain()

    assert await drain.run([], LONG_SECONDS) == []
    assert drain.has_begun


async def test_closing_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging server does not prevent the exit."""
    monkeypatch.setattr("actionhero.lifecycle.CLOSE_SECONDS", 0.0)
    steps: list[str] = []

    class Hanging(RecordingServer):
        async def close(self) -> None:
            await asyncio.Event().wait()

    failures = await Drain().run([RecordingServer(steps), Hanging([])], LONG_SECONDS)

    assert [(name, type(error)) for name, error in failures] == [("server 'example'", TimeoutError)]
    assert steps[-1] == "example closes"


async def test_a_server_that_ignores_its_cancellation_is_abandoned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not prevent the exit either."""
    monkeypatch.setattr("actionhero.lifecycle.CLOSE_SECONDS", 0.0)
    released = asyncio.Event()

    class IgnoresCancellation(RecordingServer):
        async def finish(self) -> None:
            while not released.is_set():
                try:
                    await released.wait()
                except asyncio.CancelledError:
                    self.steps.append("ignored")

        async def close(self) -> None:
            released.set()

    steps: list[str] = []
    assert await Drain().run([IgnoresCancellation(steps)], 0.0) == []
    assert steps[-1] == "ignored"
    await asyncio.sleep(0)
