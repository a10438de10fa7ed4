"""Tests of `BlockingMonitor`."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actionhero import Action, Middleware
from actionhero.process.blocking import BlockingMonitor
from actionhero.settings import ProcessSettings
from actionhero.testing import running_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero import Call
    from actionhero.settings.sources import Environment
    from actionhero.testing import RunningApp

THRESHOLD_SECONDS = 0.1


class Block(Action):
    """Block the event loop."""

    name = "block"

    async def run(self) -> None:
        wait_blocking()


class Wait(Action):
    """Wait for longer than the threshold, and let other calls go on."""

    name = "wait"

    async def run(self) -> None:
        await asyncio.sleep(THRESHOLD_SECONDS * 2)


class BlockingMiddleware(Middleware):
    """Blocks the event loop before the action runs."""

    async def before(self, call: Call) -> None:
        wait_blocking()


class Guarded(Action):
    """Return after a middleware that blocks."""

    name = "guarded"
    middleware = [BlockingMiddleware()]

    async def run(self) -> None:
        pass


def wait_blocking() -> None:
    """Block for longer than the interval and the threshold of the monitor together."""
    time.sleep(THRESHOLD_SECONDS * 4)


class Warnings(logging.Handler):
    """The warnings of the monitor, which come from another thread."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.loop.call_soon_threadsafe(self.lines.put_nowait, record.getMessage())

    async def next(self) -> str:
        """Return the next warning."""
        async with asyncio.timeout(10):
            return await self.lines.get()


@asynccontextmanager
async def monitored(pause_seconds: float = 60) -> AsyncIterator[tuple[RunningApp, Warnings]]:
    """Run an application with a monitor; the files of the application are those of this folder."""
    logger = logging.getLogger("actionhero.process")
    warnings = Warnings()
    logger.addHandler(warnings)
    try:
        async with running_app(Block, Wait, Guarded) as running:
            running.app.settings.root = Path(__file__).parent
            with BlockingMonitor(running.app, warnings.loop, THRESHOLD_SECONDS, pause_seconds):
                yield running, warnings
    finally:
        logger.removeHandler(warnings)


async def test_the_warning_names_action_duration_and_line() -> None:
    """The line is the innermost one of the application, and the duration that of the block."""
    async with monitored() as (app, warnings):
        await app.call("block")
        line = await warnings.next()

    match = re.fullmatch(
        r"action 'block' blocked the event loop for (\d+) ms "
        r"\((.*)test_blocking\.py:\d+: time\.sleep\(THRESHOLD_SECONDS \* 4\)\); "
        r"all other calls waited; use an asynchronous library, or: await asyncio\.to_thread\(…\)",
        line,
    )
    assert match, line
    assert int(match[1]) >= THRESHOLD_SECONDS * 1000


async def test_code_outside_of_an_action_is_named_by_its_function() -> None:
    """A middleware that blocks before `run` is named by its own line."""
    async with monitored() as (app, warnings):
        await app.call("guarded")
        line = await warnings.next()

    assert line.startswith("'wait_blocking' blocked the event loop for ")


async def test_an_action_causes_one_warning_in_a_while() -> None:
    """A second block of an action is silent; that of other code is not."""
    async with monitored() as (app, warnings):
        await app.call("block")
        await app.call("block")
        await app.call("wait")
        await app.call("guarded")
        lines = [await warnings.next(), await warnings.next()]

    assert [line.split(" blocked")[0] for line in lines] == ["action 'block'", "'wait_blocking'"]
    assert warnings.lines.empty()


async def test_an_action_is_reported_again_after_the_pause() -> None:
    """A block after the pause causes another warning."""
    async with monitored(pause_seconds=0.0) as (app, warnings):
        for _ in range(2):
            await app.call("block")
            assert "action 'block'" in await warnings.next()


@pytest.mark.parametrize(
    ("threshold", "environment", "seconds"),
    [
        (None, "development", 0.2),
        (None, "production", 0.0),
        (None, "test", 0.0),
        (timedelta(0), "development", 0.0),
        (timedelta(seconds=1), "production", 1.0),
    ],
)
def test_the_check_is_on_in_development_only(
    threshold: timedelta | None, environment: Environment, seconds: float
) -> None:
    """The setting changes it; zero turns it off."""
    settings = ProcessSettings(blocking_threshold=threshold)

    assert settings.blocking_seconds(environment) == seconds
