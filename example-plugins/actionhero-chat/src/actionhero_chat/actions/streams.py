"""What is answered piece by piece: a count, and how busy this server is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, TypedDict

from actionhero import Action, Call, Event, Field, Inputs
from actionhero_chat.call_metrics import Pulse
from actionhero_chat.fields import Between
from actionhero_openapi import Operation
from actionhero_web import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

COUNT_SECONDS = 0.1
PULSE_SECONDS = 1.0


class Count(TypedDict):
    """How far the count is."""

    index: int
    total: int


class StreamingCounterInputs(Inputs):
    """How far is counted."""

    count: Annotated[int, Between(1, 100)] = Field(default=5, description="How far to count.")


class StreamingCounter(Action):
    """Count, ten times a second."""

    name = "streaming:counter"
    web = Route.get("/streaming/counter")
    openapi = Operation(errors=[], examples={"to three": {"count": 3}})

    async def run(self, inputs: StreamingCounterInputs) -> AsyncIterator[Event[Count]]:
        for index in range(1, inputs.count + 1):
            told: Count = {"index": index, "total": inputs.count}
            yield Event(told, event="counter")
            await asyncio.sleep(COUNT_SECONDS)


class PulseTold(TypedDict):
    """How busy this server was in the last second."""

    callsPerSecond: float
    #: The mean of the calls in that second; 0 if there were none.
    latencyMs: float


class StatusLive(Action):
    """Tell once a second how busy this server is."""

    name = "status:live"
    web = Route.get("/status/live")
    openapi = Operation(errors=[])

    async def run(self, call: Call) -> AsyncIterator[Event[PulseTold]]:
        pulse = call.get(Pulse)
        before = pulse.beat()
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            now = pulse.beat()
            told: PulseTold = {
                "callsPerSecond": round(now.calls_per_second(before), 2),
                "latencyMs": round(now.latency_ms(before), 3),
            }
            yield Event(told, event="pulse")
            before = now
