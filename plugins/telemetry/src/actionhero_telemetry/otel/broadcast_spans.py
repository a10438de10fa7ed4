"""`BroadcastSpans`: a span for each broadcast over a channel.

It has the methods of `actionhero_channels.BroadcastObserver`, and does not import that package.
Subscribers get no trace fields: the span ends when Redis has the broadcast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_telemetry.otel.spans import SpanKind

if TYPE_CHECKING:
    from actionhero_telemetry.otel.spans import Spans, SpanScope


class BroadcastSpans:
    """Begins the spans of broadcasts.

    Args:
        spans: Begins spans.
    """

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def broadcasting(self, channel: str, declared: str) -> SpanScope | None:
        """Begin the span of a broadcast. The name of the channel may contain an id."""
        return self._spans.begin(
            f"publish {declared}",
            SpanKind.PRODUCER,
            attributes={
                "messaging.system": "actionhero",
                "messaging.operation.type": "send",
                "messaging.operation.name": "publish",
                "messaging.destination.name": declared,
            },
        )

    def broadcast(
        self, id: str | None, error: BaseException | None, mark: SpanScope | None
    ) -> None:
        """End the span of a broadcast."""
        if mark is None:
            return
        if mark.is_recording:
            if id is not None:
                mark.span.set_attribute("messaging.message.id", id)
            if error is not None:
                mark.set_error(type(error).__qualname__)
        mark.end()
