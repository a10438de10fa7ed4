"""The action `channel:events`: the broadcasts of a channel as server-sent events."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

from actionhero import (
    Action,
    Application,
    Call,
    ChannelRefused,
    ErrorType,
    Event,
    Field,
    Header,
    Inputs,
    NotFound,
    ServiceUnavailable,
)
from actionhero_channels import CHANNEL_NAME
from actionhero_sse.event_stream import EventData, event_of
from actionhero_sse.stream_registry import registry_for
from actionhero_web import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero_channels import SubscribeResult

#: The identifier of the first event of a channel without history. A client that reconnects with it
#: gets the notice of a gap.
NO_HISTORY: Final = "live"


class ChannelEventsInputs(Inputs):
    """The inputs of `channel:events`."""

    # The channels check the name, with the same error as over WebSocket.
    channel: str = Field(
        description="The name of the channel.",
        json_schema_extra={"pattern": f"^{CHANNEL_NAME.pattern}$"},
    )
    since: str = Field(
        default="", description="The id of the last event received, to resume a stream."
    )
    last_event_id: Annotated[str, Header("Last-Event-ID")] = Field(
        default="",
        description="The same, as browsers send it when they reconnect; it takes precedence.",
    )


class ChannelEvents(Action):
    """Subscribe to a channel, and stream its broadcasts as server-sent events.

    The first event is `subscribed`. Broadcasts have no event name, members that join or leave are
    `presence`. `gap` reports that broadcasts may have been lost. The stream ends with
    `unsubscribed` if the session ends, and with `end` if the server stops.
    """

    name = "channel:events"
    web = Route.get("/channels/{channel}/events")
    openapi = {
        "errors": [ChannelRefused, NotFound, ServiceUnavailable, ErrorType.CHANNEL_VALIDATION],
    }
    # Sockets have subscriptions of their own.
    websocket = False
    timeout = timedelta(0)

    async def run(self, inputs: ChannelEventsInputs, call: Call) -> AsyncIterator[Event[EventData]]:
        registry = registry_for(call.get(Application))
        if registry.is_stopping:
            # Browsers never reconnect after an error response.
            yield registry.end_event(inputs.channel)
            return
        since = inputs.last_event_id or inputs.since or None
        stream = registry.open(call, inputs.channel)
        try:
            result = await registry.subscribe(stream, call.session, since)
            yield Event(
                {"channel": inputs.channel, "gap": result.gap},
                event="subscribed",
                id=_resume_id(result, since),
                retry=registry.settings.retry,
            )
            if result.gap:
                yield Event({"channel": inputs.channel}, event="gap")
            for delivery in result.backlog:
                yield event_of(delivery)
            while (event := await stream.next()) is not None:
                yield event
        finally:
            await registry.close(stream)


def _resume_id(result: SubscribeResult, since: str | None) -> str:
    """Return the identifier from which a client resumes that is interrupted before a broadcast."""
    # The broadcasts of the backlog follow, so they are not received yet.
    return (since if result.backlog else result.last_id) or NO_HISTORY
