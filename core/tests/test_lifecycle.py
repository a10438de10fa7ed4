"""`Lifecycle`: start and stop of an application, and their failures."""

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
    """A plugin with initializers and servers that record each step, and fail in one of them."""

    def __init__(self, *, fails: str = "", error: BaseException | None = None) -> None:
        self.steps: list[str] = []
        self.fails = fails
        self.error = error or RuntimeError("no power")

    def record(self, step: str) -> None:
        self.steps.append(step)
        if step == self.fails:
            raise self.error

    @hookimpl
    def actionhero_initializers(self) -> list[Initializer]:
        return [
            initializer_of(self, "pool"),
            initializer_of(self, "db", ("pool",)),
            initializer_of(self, "worker-only", modes_=frozenset({RunMode.WORKER})),
        ]

    @hookimpl
    def actionhero_servers(self) -> list[Server]:
        return [server_of(self, "web"), server_of(self, "socket")]


def initializer_of(
    parts: Parts,
    name_: str,
    requires_: tuple[str, ...] = (),
    modes_: frozenset[RunMode] = frozenset(RunMode),
) -> Initializer:
    class Part(Initializer):
        name = name_
        requires = requires_
        modes = modes_

        async def initialize(self, app: Application) -> None:
            parts.record(f"{name_} initializes")

        async def start(self, app: Application) -> None:
            parts.record(f"{name_} starts")

        async def stop(self, app: Application) -> None:
            parts.record(f"{name_} stops")

    return Part()


def server_of(parts: Parts, name_: str) -> Server:
    class Part(Server):
        name = name_

        async def start(self, app: Application) -> None:
            parts.record(f"{name_} opens")

        async def stop_accepting(self) -> None:
            parts.record(f"{name_} stops accepting")

        async def close(self) -> None:
            parts.record(f"{name_} closes")

    return Part()


START = [
    "pool initializes",
    "db initializes",
    "pool starts",
    "db starts",
    "web opens",
    "socket opens",
]
STOP = [
    "web stops accepting",
    "socket stops accepting",
    "socket closes",
    "web closes",
    "db stops",
    "pool stops",
]


def load(parts: Parts, mode: RunMode = RunMode.SERVER) -> App:
    return App.from_plugins(
        [parts], read_sources(Path(__file__).parent, environ={"ACTIONHERO_ENV": "test"}), mode
    )


async def test_start_is_in_order_and_stop_in_reverse() -> None:
    """Initializers start before servers, in the order of their dependencies."""
    parts = Parts()

    async with running_app(parts, mode=RunMode.SERVER) as app:
        assert parts.steps == START
        running = (app.app.lifecycle.phase, app.app.ready)
    stopped = (app.app.lifecycle.phase, app.app.ready)

    assert parts.steps == START + STOP
    assert running == (Phase.STARTED, True)
    assert stopped == (Phase.STOPPED, False)


async def test_parts_of_other_modes_do_not_start() -> None:
    """The command line starts no servers; workers have initializers of their own."""
    cli, worker = Parts(), Parts()

    async with running_app(cli, mode=RunMode.CLI):
        assert cli.steps == START[:4]
    async with running_app(worker, mode=RunMode.WORKER):
        assert "worker-only starts" in worker.steps
        assert "web opens" not in worker.steps


async def test_a_second_stop_does_nothing() -> None:
    """The parts stop once."""
    parts = Parts()
    app = load(parts)
    await app.start()

    await app.stop()
    await app.stop()

    assert parts.steps == START + STOP


@pytest.mark.parametrize(
    ("fails", "name", "stopped"),
    [
        ("pool initializes", "initializer 'pool' (", ["pool stops"]),
        ("db initializes", "initializer 'db' (", ["db stops", "pool stops"]),
        ("pool starts", "initializer 'pool' (", ["db stops", "pool stops"]),
        ("web opens", "server 'web' (", ["web stops accepting", "web closes", *STOP[4:]]),
        ("socket opens", "server 'socket' (", STOP),
    ],
)
async def test_a_failed_start_stops_the_started_parts(
    fails: str, name: str, stopped: list[str]
) -> None:
    """In reverse order. The error names the part, and its cause."""
    parts = Parts(fails=fails)
    app = load(parts)

    with pytest.raises(LifecycleError) as raised:
        await app.start()

    message = str(raised.value)
    assert message.startswith(name)
    phase = "initialize" if fails.endswith("initializes") else "start"
    assert message.endswith(f"failed to {phase}: RuntimeError: no power")
    assert raised.value.__cause__ is parts.error
    assert raised.value.exit_code == 70
    assert parts.steps == [*START[: START.index(fails) + 1], *stopped]
    assert app.lifecycle.phase is Phase.STOPPED


async def test_boot_errors_propagate_unchanged() -> None:
    """A port in use has its own message and exit code."""
    error = ConfigurationError("port 8080 is in use; set web.port to another")
    parts = Parts(fails="web opens", error=error)

    with pytest.raises(BootError) as raised:
        await load(parts).start()

    assert raised.value is error
    assert raised.value.exit_code == 78
    assert parts.steps[-1] == "pool stops"


async def test_errors_without_text_are_named_by_their_type() -> None:
    """The message is never empty."""
    parts = Parts(fails="db starts", error=TimeoutError())

    with pytest.raises(LifecycleError, match=r"failed to start: TimeoutError$"):
        await load(parts).start()


async def test_a_cancelled_start_stops_the_started_parts() -> None:
    """As after a signal; the cancellation propagates."""
    parts = Parts(fails="db starts", error=asyncio.CancelledError())

    with pytest.raises(asyncio.CancelledError):
        await load(parts).start()

    assert parts.steps[-2:] == ["db stops", "pool stops"]


async def test_a_failed_stop_stops_the_other_parts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first failure is raised, all failures are logged."""
    parts = Parts(fails="db stops")
    app = load(parts)
    await app.start()

    with pytest.raises(LifecycleError) as raised:
        await app.stop()

    message = re.sub(r" \(.*?\)", "", str(raised.value))
    assert message == "initializer 'db' failed to stop: RuntimeError: no power"
    assert raised.value.__cause__ is parts.error
    assert parts.steps == START + STOP
    [record] = caplog.records
    assert record.getMessage().startswith("initializer 'db' (")
    assert record.getMessage().endswith(") failed to stop: no power")


async def test_a_server_that_fails_to_close_is_an_error() -> None:
    """The initializers stop nevertheless."""
    parts = Parts(fails="web closes")
    app = load(parts)
    await app.start()

    with pytest.raises(LifecycleError, match=r"server 'web' \(.*\) failed to stop: RuntimeError"):
        await app.stop()

    assert parts.steps[-1] == "pool stops"


async def test_failures_after_a_failed_start_are_logged_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first failure is raised."""

    class FailsTwice(Parts):
        def record(self, step: str) -> None:
            super().record(step)
            if step == "pool stops":
                raise RuntimeError("no connection")

    with pytest.raises(LifecycleError, match="failed to start: RuntimeError: no power"):
        await load(FailsTwice(fails="web opens")).start()

    assert "no connection" in caplog.text


async def test_cycles_of_initializers_are_an_error() -> None:
    """They are found while the application is loaded."""

    class Cycle:
        @hookimpl
        def actionhero_initializers(self) -> list[Initializer]:
            parts = Parts()
            return [initializer_of(parts, "a", ("b",)), initializer_of(parts, "b", ("a",))]

    with pytest.raises(BootError, match="initializers form a cycle: a → b → a"):
        async with running_app(Cycle()):
            pass


def test_the_causes_of_an_error_are_named_once() -> None:
    """Those that its message contains are left out, and a chain without an end has one."""
    error = LifecycleError("the plugin 'mail' failed: no route")
    error.__cause__ = inner = OSError("no route")
    inner.__cause__ = own = KeyError("host")
    own.__cause__ = own

    assert error.causes() == ["caused by KeyError: 'host'"]
