"""Actions that return a stream of events: a counter, and the call metrics of the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, TypedDict

from actionhero import Action, Call, Event, Field, Inputs
from actionhero_chat.call_metrics import CallMetrics
from actionhero_chat.fields import IntRange
from actionhero_openapi import Operation
from actionhero_web import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

COUNT_SECONDS = 0.1
METRICS_SECONDS = 1.0


class Count(TypedDict):
    """One step of `streaming:counter`."""

    index: int
    total: int


class StreamingCounterInputs(Inputs):
    """The inputs of `streaming:counter`."""

    count: Annotated[int, IntRange(1, 100)] = Field(default=5, description="The last number.")


class StreamingCounter(Action):
    """Count up from one, ten times a second."""

    name = "streaming:counter"
    web = Route.get("/streaming/counter")
    openapi = Operation(errors=[], examples={"to three": {"count": 3}})

    async def run(self, inputs: StreamingCounterInputs) -> AsyncIterator[Event[Count]]:
        for index in range(1, inputs.count + 1):
            count: Count = {"index": index, "total": inputs.count}
            yield Event(count, event="counter")
            await asyncio.sleep(COUNT_SECONDS)


class LiveStatus(TypedDict):
    """The load of this server in the last second."""

    callsPerSecond: float
    #: The mean duration of the calls in that second; 0 without calls.
    latencyMs: float


class StatusLive(Action):
    """Stream the load of this server, once a second."""

    name = "status:live"
    web = Route.get("/status/live")
    openapi = Operation(errors=[])

    async def run(self, call: Call) -> AsyncIterator[Event[LiveStatus]]:
        metrics = call.get(CallMetrics)
        previous = metrics.snapshot()
        while True:
            await asyncio.sleep(METRICS_SECONDS)
            current = metrics.snapshot()
            status: LiveStatus = {
                "callsPerSecond": round(current.calls_per_second(previous), 2),
                "latencyMs": round(current.latency_ms(previous), 3),
            }
            yield Event(status, event="metrics")
            previous = current
