"""CPU time per request without sockets: the figures with the least variance, for tuning.

Requests are fed to the server's protocol over a transport that goes nowhere. All variants live in
one process and take turns, a few hundred requests each, so that a slower machine slows all
of them. A variant's figure is the lower quartile of its turns.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from aiohttp import web
from tests.benchmarks import cases, cross_origin, identity
from tests.benchmarks.figures import Reading, median, quartile
from tests.benchmarks.peers import ours, tuned, work

import actionhero_auth.plugin
import actionhero_db.plugin
import actionhero_web.plugin
from actionhero import Action, App, RunMode, hookimpl, logs
from actionhero.settings.sources import read_sources
from actionhero_auth import ApiKeys
from actionhero_web.application import build_application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from tests.benchmarks.cases import Case

#: A figure's values come from this many parts of a measurement.
PARTS = 5
#: How many requests make a turn.
TURN = 200
#: How many turns a part has.
TURNS = 16
QUICK_TURNS = 5


class Nowhere(asyncio.Transport):
    """Counts responses, and stores the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.responses = 0
        self.last = bytearray()
        self.response: asyncio.Future[None] | None = None

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Receive a part of a response."""
        if data[:5] == b"HTTP/":
            self.responses += 1
            self.last.clear()
            if self.response is not None:
                self.response.set_result(None)
        self.last += data

    def writelines(self, pieces: Iterable[Any]) -> None:
        """Take several pieces."""
        self.write(b"".join(pieces))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the address of the client."""
        return ("127.0.0.1", 50000) if name == "peername" else default

    def is_closing(self) -> bool:
        """Return that it is open."""
        return False

    def get_write_buffer_size(self) -> int:
        """Return that all was sent."""
        return 0

    def close(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing."""


@dataclass
class Variant:
    """A server that receives one request repeatedly."""

    name: str
    case: Case
    protocol: Any
    wire: Nowhere
    requests: list[bytes] = field(init=False)
    #: Called before each turn, off the clock.
    prepare: Callable[[], None] = lambda: None
    #: Called after each turn, on the clock.
    finish: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.requests = [self.case.request(number) for number in range(cases.DIFFERENT)]

    async def turn(self, count: int) -> float:
        """Handle `count` requests, and return the microseconds of CPU time that each took."""
        self.prepare()
        protocol, wire = self.protocol, self.wire
        requests, self.requests = (
            self.requests[:count],
            [
                *self.requests[count:],
                *self.requests[:count],
            ],
        )
        create_future = asyncio.get_running_loop().create_future
        begun = time.process_time_ns()
        for request in requests:
            # Asking in each iteration of the loop would count the question, not only the server.
            wire.response = response = create_future()
            protocol.data_received(request)
            await response
        self.finish()
        return (time.process_time_ns() - begun) / count / 1000


class Bench:
    """All variants, open at the same time.

    Args:
        stack: Closes them.
        stream: Where log lines go.
    """

    def __init__(self, stack: AsyncExitStack, stream: TextIO) -> None:
        self._stack = stack
        self._stream = stream
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.variants: list[Variant] = []

    async def add_tuned(self, case: Case) -> None:
        """Add the handler that is written by hand."""
        await self._add(f"tuned {case.name}", case, web.AppRunner(tuned.make(), access_log=None))

    async def add_ours(
        self, case: Case, *actions: type[Action], name: str = "ours", log: bool = False
    ) -> None:
        """Add our server.

        Args:
            case: The request.
            actions: All its actions.
            name: The name of the variant.
            log: Whether it writes a line for each call.
        """

        app = await self._start(actions)
        await self._add_app(f"{name} {case.name}", case, app, log=log)

    async def add_with_api_keys(self, case: Case, *actions: type[Action]) -> None:
        """Add a server that accepts API keys, without one and with one."""
        url = f"sqlite://{self._folder / 'keys.sqlite3'}"
        app = await self._start(
            actions, actionhero_db.plugin, actionhero_auth.plugin,
            DATABASE_URL=url, ACTIONHERO_DB__AUTO_MIGRATE="true",
        )  # fmt: skip
        created = await app.get(ApiKeys).create(7, "bench", scopes=["users:write"])
        signed = replace(case, headers=(f"Authorization: Bearer {created.secret}",))
        await self._add_app(f"anonymous {case.name}", case, app)
        await self._add_app(f"API key {case.name}", signed, app)

    async def _start(self, actions: Iterable[type[Action]], *plugins: Any, **environ: str) -> App:
        class Application:
            @hookimpl
            def actionhero_actions(self) -> list[type[Action]]:
                return list(actions)

        app = App.from_plugins(
            [actionhero_web.plugin, *plugins, Application()],
            read_sources(self._folder, environ={"ACTIONHERO_ENV": "production", **environ}),
            RunMode.SERVER,
        )
        # As `actionhero start` does it.
        app.pipeline.call_log = logs.call_log
        app.lifecycle.disable_servers()
        await app.start()
        self._stack.push_async_callback(app.stop)
        return app

    async def _add_app(self, name: str, case: Case, app: App, *, log: bool = False) -> None:
        variant = await self._add(name, case, web.AppRunner(build_application(app)))
        variant.prepare = self._log_calls if log else self._log_nothing
        # A timer of the log would write the lines in the turn of another variant.
        variant.finish = logs.call_log.flush

    async def _add(self, name: str, case: Case, runner: web.AppRunner) -> Variant:
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        server: Any = runner.server
        protocol, wire = server(), Nowhere()
        protocol.connection_made(wire)
        self._stack.callback(protocol.connection_lost, None)
        variant = Variant(name, case, protocol, wire)
        self.variants.append(variant)
        return variant

    def _log_calls(self) -> None:
        logs.configure("info", "json", stream=self._stream)

    def _log_nothing(self) -> None:
        logs.configure("warn", "json", stream=self._stream)


def everything() -> list[type[Action]]:
    """Return the 200 actions of the peer."""
    measured: list[type[Action]] = [ours.ShowAbout, ours.MakeUser, ours.ShowUser]
    return [*measured, *ours.actionhero_actions()]


def one_prefix() -> list[type[Action]]:
    """Return 200 actions whose paths have the requested path as a prefix."""
    things = [
        ours.thing(name, f"GET /user/{{id}}/{name}") for name in (*work.THINGS, "one", "other")
    ]
    return [ours.ShowUser, *things]


async def fill(bench: Bench) -> None:
    """Add everything that is measured."""
    actions = everything()
    for case in cases.CASES:
        await bench.add_tuned(case)
        await bench.add_ours(case, *actions)
    await bench.add_ours(cases.W2, *actions, name="logged", log=True)
    await bench.add_ours(cases.W3, ours.ShowUser, name="alone")
    await bench.add_ours(cases.W3, *one_prefix(), name="one prefix")
    await bench.add_with_api_keys(cases.W2, *actions)


#: Each figure is a variant's time over that of another.
RATIOS = {
    "in_process.W2": ("tuned W2", "ours W2"),
    "in_process.W2b": ("tuned W2b", "ours W2b"),
    "in_process.W1": ("tuned W1", "ours W1"),
    "in_process.W3": ("tuned W3", "ours W3"),
    "in_process.log": ("ours W2", "logged W2"),
    "in_process.routes": ("alone W3", "one prefix W3"),
    "in_process.api_key": ("API key W2", "anonymous W2"),
}


async def _measure(keys: set[str], turns: int) -> tuple[dict[str, Reading], dict[str, float]]:
    names = {name for key in keys & RATIOS.keys() for name in RATIOS[key]}
    times: dict[str, list[list[float]]] = {name: [] for name in names}
    async with AsyncExitStack() as stack:
        with ExitStack() as files:
            stream = files.enter_context(open("/dev/null", "w"))  # noqa: ASYNC230 - never waits
            stack.callback(logs.shutdown)
            bench = Bench(stack, stream)
            await fill(bench)
            variants = [variant for variant in bench.variants if variant.name in names]
            for variant in variants:
                await variant.turn(TURN)
                variant.case.check(variant.name, bytes(variant.wire.last))
            gc.collect()
            for _ in range(PARTS):
                for name in names:
                    times[name].append([])
                for number in range(turns):
                    # Not always in one order: each leaves the caches to the next.
                    for variant in variants if number % 2 else reversed(variants):
                        times[variant.name][-1].append(await variant.turn(TURN))
    quartiles = {name: [quartile(part) for part in parts] for name, parts in times.items()}
    readings = {
        key: Reading([a / b for a, b in zip(quartiles[above], quartiles[below], strict=True)])
        for key in keys & RATIOS.keys()
        for above, below in [RATIOS[key]]
    }
    return readings, {name: median(parts) for name, parts in quartiles.items()}


def measure(keys: Iterable[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures, each with its parts as a note."""
    keys = set(keys)
    readings, microseconds = uvloop.run(_measure(keys, QUICK_TURNS if quick else TURNS))
    count = TURN * (QUICK_TURNS if quick else TURNS)
    checks = cross_origin.measure(keys, count, PARTS) | identity.measure(keys, count, PARTS)
    for key, reading in readings.items():
        above, below = RATIOS[key]
        reading.note = f"{microseconds[above]:.1f} µs over {microseconds[below]:.1f} µs"
    return readings | checks


#: To inspect a variant, for example with a profiler: `bench.variants` after `fill`.
__all__ = ["RATIOS", "Bench", "Variant", "fill", "measure"]
