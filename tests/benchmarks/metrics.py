"""CPU time that metrics add to calls and requests, and the cost of reading them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Final

import uvloop
from tests.benchmarks.cases import W2
from tests.benchmarks.figures import Reading, median
from tests.benchmarks.over_http import load
from tests.benchmarks.program import CLIENT_CORE, PEERS, environment
from tests.benchmarks.server import Server
from tests.benchmarks.traces import Ping

import actionhero_telemetry.plugin
from actionhero import Connection, RunMode
from actionhero.testing import free_port, running_app
from actionhero.transport import EMPTY_PAYLOAD
from actionhero_telemetry import Histogram, TelemetrySettings
from actionhero_telemetry.initializer import MetricsInitializer

if TYPE_CHECKING:
    from collections.abc import Collection

    from actionhero.transport import Pipeline

ROUNDS: Final = 9
QUICK_ROUNDS: Final = 5
CALLS: Final = 10_000
#: The series of histograms in the scrape that is measured, in as many processes.
HISTOGRAMS: Final = 600
PROCESSES: Final = 4
#: How often the event loop runs during a scrape: the longest pause is the result.
TICK_SECONDS: Final = 0.0005

#: Claims a slot with as many histograms, and holds it until its input ends.
_OTHER_PROCESS: Final = f"""
import sys
from pathlib import Path
from actionhero_telemetry import Histogram
from actionhero_telemetry.recording import Recording
from actionhero_telemetry.settings import DURATION_BUCKETS

times = Histogram("bench.time", labels=("number",), unit="s")
recording = Recording(Path(sys.argv[1]), DURATION_BUCKETS, 10_000)
for number in range({HISTOGRAMS}):
    times.record(0.1, number=number)
recording.flush()
print("ready", flush=True)
sys.stdin.read()
"""


def measure_metrics(keys: Collection[str], *, quick: bool) -> dict[str, Reading]:
    """Return the requested figures of metrics."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    readings = {}
    if "telemetry.metrics.call" in keys:
        readings["telemetry.metrics.call"] = Reading(uvloop.run(_calls(rounds)))
    if "telemetry.metrics.W2" in keys:
        readings["telemetry.metrics.W2"] = _requests(rounds)
    if "telemetry.metrics.scrape" in keys:
        readings["telemetry.metrics.scrape"] = uvloop.run(_scrapes(rounds))
    if "telemetry.start" in keys:
        readings["telemetry.start"] = _starts(rounds * 2)
    return readings


# -- calls and requests --------------------------------------------------------------------------


async def _calls(rounds: int) -> list[float]:
    """Return the microseconds that metrics add to a call."""
    settings = TelemetrySettings(listen="127.0.0.1:0")
    async with (
        running_app(Ping, mode=RunMode.SERVER) as without,
        running_app(
            actionhero_telemetry.plugin, Ping, settings=[settings], mode=RunMode.SERVER
        ) as measured,
    ):
        values = []
        for _ in range(rounds):
            base = median([await _microseconds(without.app.pipeline) for _ in range(3)])
            spent = median([await _microseconds(measured.app.pipeline) for _ in range(3)])
            values.append(spent - base)
    return values


async def _microseconds(pipeline: Pipeline) -> float:
    begun = time.thread_time_ns()
    for _ in range(CALLS):
        await pipeline.execute(Connection("test"), "ping", EMPTY_PAYLOAD)
    return (time.thread_time_ns() - begun) / CALLS / 1000


def _requests(rounds: int) -> Reading:
    """Return the ratio of the CPU time of requests, with and without metrics."""
    costs: dict[str, list[float]] = {"without": [], "measured": []}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        variables = {
            "ACTIONHERO_APP__DATA_DIR": folder,
            "ACTIONHERO_PLUGINS__ENABLED": "web,telemetry",
            "ACTIONHERO_TELEMETRY__LISTEN": f"127.0.0.1:{free_port()}",
        }
        servers = {
            "without": stack.enter_context(Server("ours")),
            "measured": stack.enter_context(Server("ours", variables=variables)),
        }
        for server in servers.values():
            load(server, W2)  # warm up
        for number in range(rounds):
            for name in sorted(servers, reverse=bool(number % 2)):
                costs[name].append(load(servers[name], W2))
    ratios = [a / b for a, b in zip(costs["measured"], costs["without"], strict=True)]
    return Reading(
        ratios, f"{median(costs['measured']):.1f} µs over {median(costs['without']):.1f} µs"
    )


# -- reading -------------------------------------------------------------------------------------


async def _scrapes(rounds: int) -> Reading:
    """Return for how many milliseconds a scrape blocks the event loop."""
    times = Histogram("bench.time", labels=("number",), unit="s")
    settings = TelemetrySettings(listen="127.0.0.1:0", series_limit=10_000)
    with tempfile.TemporaryDirectory() as folder:
        async with running_app(
            actionhero_telemetry.plugin,
            settings=[settings],
            environ={"ACTIONHERO_APP__DATA_DIR": folder},
            mode=RunMode.SERVER,
        ) as app:
            for number in range(HISTOGRAMS):
                times.record(0.1, number=number)
            others = [_other_process(folder) for _ in range(PROCESSES - 1)]
            try:
                scraper = app.get(MetricsInitializer).scraper
                values, seconds = [], []
                for _ in range(rounds):
                    ticker = asyncio.create_task(_longest_pause())
                    await asyncio.sleep(0.01)
                    begun = time.perf_counter()
                    await scraper.scrape()
                    seconds.append(time.perf_counter() - begun)
                    ticker.cancel()
                    values.append(await ticker * 1000)
            finally:
                for process in others:
                    process.communicate()
    return Reading(values, f"a scrape takes {median(seconds) * 1000:.0f} ms")


def _other_process(folder: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _OTHER_PROCESS, os.path.join(folder, "telemetry")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


async def _longest_pause() -> float:
    """Return the longest time between two runs of the event loop, until it is cancelled.

    It is the CPU time of all threads: the other processes of the machine do not count.
    """
    longest = 0.0
    last = time.process_time()
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.process_time()
            longest = max(longest, now - last)
            last = now
    return longest


# -- commands ------------------------------------------------------------------------------------


def _starts(rounds: int) -> Reading:
    """Return the ratio of the CPU time of `actionhero call`, with the plugin and without."""
    costs: dict[str, list[float]] = {"without": [], "installed": []}
    for number in range(rounds + 1):
        for name in sorted(costs, reverse=bool(number % 2)):
            plugins = "web,telemetry" if name == "installed" else "web"
            spent = _call(plugins)
            if number:
                costs[name].append(spent)
    ratios = [a / b for a, b in zip(costs["installed"], costs["without"], strict=True)]
    return Reading(
        ratios, f"{median(costs['installed']):.0f} ms over {median(costs['without']):.0f} ms"
    )


def _call(plugins: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        variables = {"ACTIONHERO_APP__DATA_DIR": folder}
        if "telemetry" in plugins:
            variables["ACTIONHERO_TELEMETRY__LISTEN"] = "127.0.0.1:0"
        process = subprocess.Popen(
            ["taskset", "-c", CLIENT_CORE, sys.executable, "-m", "actionhero", "call", "status"],
            cwd=PEERS,
            env={**environment(), **variables, "ACTIONHERO_PLUGINS__ENABLED": plugins},
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"actionhero call exits with {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1000
