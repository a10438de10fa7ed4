"""The end of all servers together: no new calls, open calls finish, everything is closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actionhero import Server
from actionhero.lifecycle import Drain, DrainState

if TYPE_CHECKING:
    import pytest

    from actionhero import Application

LONG_SECONDS = 60.0


class Door(Server):
    """Notes the steps of its end, and does in each what it was told."""

    name = "door"

    def __init__(self, notes: list[str], named: str = "door", **faults: Exception) -> None:
        self.notes = notes
        self.named = named
        self.faults = faults
        self.open_calls: asyncio.Event | None = None

    async def start(self, app: Application) -> None: ...

    def step(self, step: str) -> None:
        self.notes.append(f"{self.named} {step}")
        if step in self.faults:
            raise self.faults[step]

    async def stop_accepting(self) -> None:
        self.step("stops accepting")

    async def finish(self) -> None:
        self.step("finishes")
        if self.open_calls is not None:
            try:
                await self.open_calls.wait()
            except asyncio.CancelledError:
                self.notes.append(f"{self.named} is late")
                raise

    async def close(self) -> None:
        self.step("closes")


async def test_all_servers_come_down_step_by_step() -> None:
    """No server finishes before all have stopped accepting; the last opened closes first."""
    notes: list[str] = []
    drain = Drain()

    failures = await drain.run([Door(notes, "one"), Door(notes, "two")], LONG_SECONDS)

    assert failures == []
    assert notes == [
        "one stops accepting",
        "two stops accepting",
        "one finishes",
        "two finishes",
        "two closes",
        "one closes",
    ]
    assert drain.state is DrainState.STOPPED


async def test_readiness_goes_off_before_anything_else() -> None:
    """A balancer that asks while the end begins looks for somebody else."""
    drain = Drain()
    seen: list[bool] = []

    class Looking(Door):
        async def stop_accepting(self) -> None:
            seen.append(drain.ready)

    assert drain.ready
    await drain.run([Looking([])], LONG_SECONDS)

    assert seen == [False]
    assert not drain.ready


async def test_open_calls_finish_before_anything_is_closed() -> None:
    """Servers wait for theirs at the same time, not one after the other."""
    notes: list[str] = []
    one, two = Door(notes, "one"), Door(notes, "two")
    one.open_calls, two.open_calls = asyncio.Event(), asyncio.Event()
    draining = asyncio.create_task(Drain().run([one, two], LONG_SECONDS))
    for _ in range(5):
        await asyncio.sleep(0)

    assert notes[-2:] == ["one finishes", "two finishes"]
    two.open_calls.set()
    one.open_calls.set()
    await draining

    assert notes[-2:] == ["two closes", "one closes"]


async def test_calls_that_do_not_finish_in_time_are_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After the grace time the server is told to let go, and the log says which one was late."""
    notes: list[str] = []
    door = Door(notes)
    door.open_calls = asyncio.Event()

    failures = await Drain().run([door], 0.0)

    assert failures == []
    assert notes[-2:] == ["door is late", "door closes"]
    [record] = caplog.records
    assert record.getMessage() == (
        "server 'door' still has open calls after 0.0 s; they are cancelled"
    )


async def test_a_server_that_fails_on_the_way_keeps_no_other_open() -> None:
    """Every step is taken with every server, and all that went wrong is told."""
    notes: list[str] = []
    faults = [RuntimeError("ears"), RuntimeError("mouth"), RuntimeError("door")]
    bad = Door(
        notes,
        "bad",
        **{"stops accepting": faults[0], "finishes": faults[1], "closes": faults[2]},
    )

    failures = await Drain().run([bad, Door(notes, "good")], LONG_SECONDS)

    assert failures == [("server 'door'", fault) for fault in faults]
    assert len(notes) == 6


async def test_it_happens_once() -> None:
    """Whoever asks a second time finds that it is done."""
    notes: list[str] = []
    drain = Drain()
    await drain.run([Door(notes)], LONG_SECONDS)

    assert await drain.run([Door(notes)], LONG_SECONDS) == []
    assert len(notes) == 3


async def test_without_servers_it_is_over_at_once() -> None:
    """A command line call has no doors to close."""
    drain = Drain()

    assert await drain.run([], LONG_SECONDS) == []
    assert drain.state is DrainState.STOPPED


async def test_a_server_that_does_not_close_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends in time, whatever one server does."""
    monkeypatch.setattr("actionhero.lifecycle.CLOSE_SECONDS", 0.0)
    notes: list[str] = []

    class Stuck(Door):
        async def close(self) -> None:
            await asyncio.Event().wait()

    failures = await Drain().run([Door(notes), Stuck([])], LONG_SECONDS)

    assert [(who, type(fault)) for who, fault in failures] == [("server 'door'", TimeoutError)]
    assert notes[-1] == "door closes"


async def test_a_server_that_does_not_let_go_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that swallows its cancellation does not keep the process alive either."""
    monkeypatch.setattr("actionhero.lifecycle.CLOSE_SECONDS", 0.0)
    let_go = asyncio.Event()

    class Stubborn(Door):
        async def finish(self) -> None:
            while not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    self.notes.append("not yet")

        async def close(self) -> None:
            let_go.set()

    notes: list[str] = []
    assert await Drain().run([Stubborn(notes)], 0.0) == []
    assert notes[-1] == "not yet"
    await asyncio.sleep(0)
