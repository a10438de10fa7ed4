"""Servers restart one after the other behind the documented nginx, and no request is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.deploy.load import Load

if TYPE_CHECKING:
    from tests.deploy.site import Site


@pytest.mark.parametrize(
    ("restarts", "requests_per_second"),
    [
        pytest.param(3, 60, id="3"),
        pytest.param(100, 200, id="100", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
async def test_rolling_restarts_lose_no_request(
    site: Site, restarts: int, requests_per_second: int
) -> None:
    """Each `GET` and `POST` is answered, and each socket and stream is closed with a reason."""
    await asyncio.gather(*(server.start() for server in site.servers))
    load = Load(site.url, requests_per_second)
    codes = []

    async with load.running():
        for number in range(restarts):
            server = site.servers[number % 2]
            await load.wait_for_requests(requests_per_second // 4)
            codes.append(await server.stop())
            await server.start()
        await load.wait_for_requests(requests_per_second // 4)
    codes += await asyncio.gather(*(server.stop() for server in site.servers))

    print(f"{restarts} restarts: {load}")
    assert load.lost == [], site.log()
    assert codes == [0] * (restarts + 2)
    # Each write was made once: nginx has not repeated a `POST` that a server had processed.
    assert sorted((site.folder / "writes").read_text("utf-8").split()) == sorted(load.written)
    # The sockets and streams were open on the servers that have restarted.
    assert load.finished["socket"] >= restarts
    assert load.finished["stream"] >= restarts
