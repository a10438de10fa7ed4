"""Whatever ends a call over HTTP, its transaction leaves all it wrote or nothing."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.conftest import Serve, Served


async def assert_nothing_was_kept(served: Served, text: str) -> None:
    """See that no entry is there, and that its text is free.

    The text is unique: whoever writes it waits for one who has written it and not ended yet, and
    conflicts with one who has kept it.
    """
    async with served.browser() as browser:
        again = await browser.post("/entries", json={"text": text})
        counted = await browser.get("/entries")

    assert again.status_code == 200, again.text
    assert counted.json() == 1


async def test_a_value_is_kept(serve: Serve) -> None:
    """What was answered with a value is there, also after the server was killed."""
    served = serve()
    async with served.browser() as browser:
        answer = await browser.post("/entries", json={"text": "kept"})
        served.running.kill()
    served = serve()
    async with served.browser() as browser:
        counted = await browser.get("/entries")
        again = await browser.post("/entries", json={"text": "kept"})

    assert answer.status_code == 200
    assert counted.json() == 1
    assert again.status_code == 409


@pytest.mark.parametrize(("action", "status"), [("refuse", 409), ("crash", 500), ("slow", 408)])
async def test_an_error_and_a_timeout_leave_nothing(serve: Serve, action: str, status: int) -> None:
    """A refusal, an accident and the time limit: what was written before is gone."""
    served = serve()

    async with served.browser() as browser:
        answer = await browser.post(f"/entries/{action}", json={"text": "gone"})

    assert answer.status_code == status
    await assert_nothing_was_kept(served, "gone")


async def test_a_client_that_goes_away_leaves_nothing(
    serve: Serve, program: Callable[[str], str]
) -> None:
    """I kill curl in the middle of its call."""
    served = serve()
    curl = await asyncio.create_subprocess_exec(
        *(program("curl"), "-s", "--json", '{"text": "gone"}', f"{served.url}/entries/hold")
    )
    await asyncio.to_thread(served.running.wait_for, "holding gone")

    curl.kill()
    await curl.wait()

    await assert_nothing_was_kept(served, "gone")


async def test_a_stop_past_its_grace_time_leaves_nothing(serve: Serve) -> None:
    """The server is stopped while a call never ends: the call is cut off, and rolled back."""
    served = serve(ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT="300ms")
    async with served.browser() as browser:
        held = asyncio.create_task(browser.post("/entries/hold", json={"text": "gone"}))
        await asyncio.to_thread(served.running.wait_for, "holding gone")
        ended = await asyncio.to_thread(served.running.stop)
        [outcome] = await asyncio.gather(held, return_exceptions=True)

    assert ended.code == 0
    assert isinstance(outcome, BaseException) or outcome.status_code >= 500
    await assert_nothing_was_kept(serve(), "gone")


async def test_a_stop_lets_a_call_end_that_does_so_in_time(serve: Serve) -> None:
    """What was begun before the signal is kept if it ends within the grace time."""
    served = serve()
    async with served.browser() as browser, served.browser() as other:
        # It is connected before the door closes.
        await other.get("/plain")
        held = asyncio.create_task(browser.post("/entries/hold", json={"text": "kept"}))
        await asyncio.to_thread(served.running.wait_for, "holding kept")
        released = asyncio.create_task(other.post("/release"))
        served.running.process.send_signal(signal.SIGTERM)
        await released
        answer = await held
    ended = await asyncio.to_thread(served.running.wait)
    async with serve().browser() as browser:
        counted = await browser.get("/entries")

    assert answer.status_code == 200
    assert ended.code == 0
    assert counted.json() == 1
