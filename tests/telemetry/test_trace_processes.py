"""Traces of a server with several worker processes, which gunicorn forks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from actionhero_telemetry.testing import Collector

if TYPE_CHECKING:
    from tests.conftest import Place


async def test_each_worker_exports_its_traces(place: Place) -> None:
    """Its exporter begins after the fork, and sends the remaining spans at the end."""
    place.enabled = ["web", "telemetry"]
    async with Collector() as collector:
        running = place.start(
            "start",
            "--workers",
            "2",
            ACTIONHERO_TELEMETRY__TRACES="true",
            ACTIONHERO_TELEMETRY__ENDPOINT=collector.url,
        )
        match = await asyncio.to_thread(running.wait_for, r"listening on http://[\w.]+:(\d+)")
        pids: set[int] = set()
        requests = 0
        async with asyncio.timeout(30):
            while len(pids) < 2:
                # A connection for each request, as a worker keeps those that it has.
                async with (
                    aiohttp.ClientSession() as client,
                    client.get(f"http://127.0.0.1:{match[1]}/api/status") as response,
                ):
                    pids.add((await response.json())["pid"])
                    requests += 1
        ended = await asyncio.to_thread(running.stop)

    assert ended.code == 0
    spans = [span for span in collector.spans if span.name == "GET /api/status"]
    assert len(spans) == requests
    assert {span.resource["process.pid"] for span in spans} == pids
