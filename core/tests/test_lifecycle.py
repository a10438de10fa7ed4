"""Bringing an application up and down, whatever fails on the way."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from actionhero import (
    App,
    Application,
    BootError,
    ConfigurationError,
    Initializer,
    LifecycleError,
    RunMode,
    Server,
    hookimpl,
)
from actionhero.lifecycle import Phase
from actionhero.settings.sources import read_sources
from actionhero.testing import running_app


class Parts:
    """A plugin of initializers and servers that note each step, and fail where they are told to."""

    def __init__(self, *, fails: str = "", error: BaseException | None = None) -> None:
        self.notes: list[str] = []
        self.fails = fails
        self.error = error or RuntimeError("the fuse blew")

    def step(self, step: str) -> None:
        self.notes.append(step)
        if step == self.fails:
            raise self.error

    @hookimpl
    def actionhero_initializers(self) -> list[Initializer]:
        return [
            initializer_of(self, "pool"),
            initializer_of(self, "db", ("pool",)),
            initializer_of(self, "worker-only", modes=frozenset({RunMode.WORKER})),
        ]

    @hookimpl
    def actionhero_servers(self) -> list[Server]:
        return [server_of(self, "web"), server_of(self, "socket")]


def initializer_of(
    parts: Parts,
    named: str,
    needs: tuple[str, ...] = (),
    modes: frozenset[RunMode] = frozenset(RunMode),
) -> Initializer:
    in_modes = modes

    class Part(Initializer):
        name = named
        requires = needs
        modes = in_modes

        async def initialize(self, app: Application) -> None:
            parts.step(f"{named} initializes")

        async def start(self, app: Application) -> None:
            parts.step(f"{named} starts")

        async def stop(self, app: Application) -> None:
            parts.step(f"{named} stops")

    return Part()


def server_of(parts: Parts, named: str) -> Server:
    class Door(Server):
        name = named

        async def start(self, app: Application) -> None:
            parts.step(f"{named} opens")

        async def stop_accepting(self) -> None:
            parts.step(f"{named} accepts no more")

        async def close(self) -> None:
            parts.step(f"{named} closes")

    return Door()


UP = [
    "pool initializes",
    "db initializes",
    "pool starts",
    "db starts",
    "web opens",
    "socket opens",
]
DOWN = [
    "web accepts no more",
    "socket accepts no more",
    "socket closes",
    "web closes",
    "db stops",
    "pool stops",
]


def load(parts: Parts, mode: RunMode = RunMode.SERVER) -> App:
    return App.of(
        [parts], read_sources(Path(__file__).parent, environ={"ACTIONHERO_ENV": "test"}), mode
    )


async def test_everything_comes_up_in_order_and_down_in_reverse() -> None:
    """Initializers before servers, what is required first; the other way round at the end."""
    parts = Parts()

    async with running_app(parts, mode=RunMode.SERVER) as app:
        assert parts.notes == UP
        running = (app.app.lifecycle.phase, app.app.ready)
    stopped = (app.app.lifecycle.phase, app.app.ready)

    assert parts.notes == UP + DOWN
    assert running == (Phase.STARTED, True)
    assert stopped == (Phase.STOPPED, False)


async def test_what_takes_no_part_in_this_kind_of_process_does_not_start() -> None:
    """A call from the command line opens no door; a worker has parts of its own."""
    cli, worker = Parts(), Parts()

    async with running_app(cli, mode=RunMode.CLI):
        assert cli.notes == UP[:4]
    async with running_app(worker, mode=RunMode.WORKER):
        assert "worker-only starts" in worker.notes
        assert "web opens" not in worker.notes


async def test_stopping_twice_does_nothing_the_second_time() -> None:
    """Whoever asks again finds that it is done."""
    parts = Parts()
    app = load(parts)
    await app.start()

    await app.stop()
    await app.stop()

    assert parts.notes == UP + DOWN


@pytest.mark.parametrize(
    ("fails", "told", "undone"),
    [
        ("pool initializes", "initializer 'pool' (", ["pool stops"]),
        ("db initializes", "initializer 'db' (", ["db stops", "pool stops"]),
        ("pool starts", "initializer 'pool' (", ["db stops", "pool stops"]),
        ("web opens", "server 'web' (", ["web accepts no more", "web closes", *DOWN[4:]]),
        ("socket opens", "server 'socket' (", DOWN),
    ],
)
async def test_what_fails_on_the_way_up_stops_what_was_begun(
    fails: str, told: str, undone: list[str]
) -> None:
    """Nothing stays behind, in reverse; the failure is told with whose it is and its cause."""
    parts = Parts(fails=fails)
    app = load(parts)

    with pytest.raises(LifecycleError) as raised:
        await app.start()

    message = str(raised.value)
    assert message.startswith(told)
    phase = "initialize" if fails.endswith("initializes") else "start"
    assert message.endswith(f"failed to {phase}: RuntimeError: the fuse blew")
    assert raised.value.__cause__ is parts.error
    assert raised.value.exit_code == 70
    assert parts.notes == [*UP[: UP.index(fails) + 1], *undone]
    assert app.lifecycle.phase is Phase.STOPPED


async def test_an_error_that_says_itself_what_to_do_is_passed_on() -> None:
    """A port in use is a matter of configuration, with its own message and exit code."""
    error = ConfigurationError("port 8080 is in use; set web.port to another")
    parts = Parts(fails="web opens", error=error)

    with pytest.raises(BootError) as raised:
        await load(parts).start()

    assert raised.value is error
    assert raised.value.exit_code == 78
    assert parts.notes[-1] == "pool stops"


async def test_a_failure_without_words_is_told_by_its_type() -> None:
    """Even an empty exception says something."""
    parts = Parts(fails="db starts", error=TimeoutError())

    with pytest.raises(LifecycleError, match=r"failed to start: TimeoutError$"):
        await load(parts).start()


async def test_a_start_that_is_cancelled_leaves_nothing_behind() -> None:
    """A signal during the start stops what was begun, and passes."""
    parts = Parts(fails="db starts", error=asyncio.CancelledError())

    with pytest.raises(asyncio.CancelledError):
        await load(parts).start()

    assert parts.notes[-2:] == ["db stops", "pool stops"]


async def test_what_fails_on_the_way_down_keeps_nothing_else_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All the rest is stopped; the first failure is told, every one is logged."""
    parts = Parts(fails="db stops")
    app = load(parts)
    await app.start()

    with pytest.raises(LifecycleError) as raised:
        await app.stop()

    told = re.sub(r" \(.*?\)", "", str(raised.value))
    assert told == "initializer 'db' failed to stop: RuntimeError: the fuse blew"
    assert raised.value.__cause__ is parts.error
    assert parts.notes == UP + DOWN
    [record] = caplog.records
    assert record.getMessage().startswith("initializer 'db' (")
    assert record.getMessage().endswith(") failed to stop: the fuse blew")


async def test_a_server_that_fails_to_close_is_told_as_that() -> None:
    """The initializers behind it are stopped all the same."""
    parts = Parts(fails="web closes")
    app = load(parts)
    await app.start()

    with pytest.raises(LifecycleError, match=r"server 'web' \(.*\) failed to stop: RuntimeError"):
        await app.stop()

    assert parts.notes[-1] == "pool stops"


async def test_a_failure_while_giving_up_does_not_hide_the_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is told is what began it; the other is in the log."""

    class Twice(Parts):
        def step(self, step: str) -> None:
            super().step(step)
            if step == "pool stops":
                raise RuntimeError("and then the lights went out")

    with pytest.raises(LifecycleError, match="failed to start: RuntimeError: the fuse blew"):
        await load(Twice(fails="web opens")).start()

    assert "and then the lights went out" in caplog.text


async def test_parts_in_a_circle_are_refused_before_anything_starts() -> None:
    """It is found when the application is put together."""

    class Circle:
        @hookimpl
        def actionhero_initializers(self) -> list[Initializer]:
            parts = Parts()
            return [initializer_of(parts, "a", ("b",)), initializer_of(parts, "b", ("a",))]

    with pytest.raises(BootError, match="wait for each other in a circle: a → b → a"):
        async with running_app(Circle()):
            pass
