"""CPU time that traces add to a call, in the thread of the event loop."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Final

import uvloop
from tests.benchmarks.figures import median

import actionhero_telemetry.plugin
from actionhero import Action, Connection, RunMode
from actionhero.testing import running_app
from actionhero.transport import EMPTY_PAYLOAD
from actionhero_telemetry import TelemetrySettings

if TYPE_CHECKING:
    from actionhero.transport import Pipeline

ROUNDS: Final = 9
QUICK_ROUNDS: Final = 5
CALLS: Final = 3_000
#: The ratio of recorded traces, by the name of the figure.
RATIOS: Final = {"sampled": 0.01, "recorded": 1.0}


class Ping(Action):
    """Return a text."""

    name = "ping"

    async def run(self) -> str:
        return "pong"


def measure_traces(*, quick: bool) -> dict[str, list[float]]:
    """Return the microseconds that traces add to a call, by the name of the figure."""
    # Spans are encoded and sent in another thread.
    os.environ["OTEL_TRACES_EXPORTER"] = "none"
    return uvloop.run(_measure(QUICK_ROUNDS if quick else ROUNDS))


async def _measure(rounds: int) -> dict[str, list[float]]:
    async with contextlib.AsyncExitStack() as stack:
        app = await stack.enter_async_context(running_app(Ping, mode=RunMode.SERVER))
        without = app.app.pipeline
        pipelines = {}
        for name, ratio in RATIOS.items():
            settings = TelemetrySettings(metrics=False, traces=True, sample=ratio)
            application = running_app(
                actionhero_telemetry.plugin, Ping, mode=RunMode.SERVER, settings=[settings]
            )
            pipelines[name] = (await stack.enter_async_context(application)).app.pipeline
        values: dict[str, list[float]] = {name: [] for name in RATIOS}
        for _ in range(rounds):
            base = median([await _microseconds(without) for _ in range(3)])
            for name, pipeline in pipelines.items():
                values[name].append(await _microseconds(pipeline) - base)
    return values


async def _microseconds(pipeline: Pipeline) -> float:
    begun = time.thread_time_ns()
    for _ in range(CALLS):
        await pipeline.execute(Connection("test"), "ping", EMPTY_PAYLOAD)
    return (time.thread_time_ns() - begun) / CALLS / 1000
