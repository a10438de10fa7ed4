"""`CallSpans`: a span for each call, or the attributes of a call on the span of its request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import get_current_span

from actionhero import Observer
from actionhero_telemetry.otel.spans import SpanKind
from actionhero_telemetry.otel.transport_span import TransportSpan, transport_span

if TYPE_CHECKING:
    from actionhero import Call, Outcome
    from actionhero_telemetry.otel.spans import Spans, SpanScope


class CallSpans(Observer):
    """Begins a span for calls that have none of their transport.

    Args:
        spans: Begins spans.
    """

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def began(self, call: Call) -> TransportSpan | SpanScope | None:
        """Begin the span of a call."""
        connection = call.connection
        if call.outer is not None:
            return self._spans.begin(call.action.name, SpanKind.INTERNAL)
        span = transport_span(connection.raw)
        if span is not None and span.call is None:
            span.call = call
            return span
        if connection.transport == "websocket":
            # Not the context of the handshake, in which the connection lives.
            parent = self._spans.propagation.extract(call.carrier)
            return self._spans.begin(call.action.name, SpanKind.SERVER, parent)
        carrier = call.carrier
        context = None
        # That of a tool is in its message, inside of an HTTP request with a span of its own.
        if carrier and (
            connection.transport == "mcp" or not get_current_span().get_span_context().is_valid
        ):
            context = self._spans.propagation.extract(carrier)
        return self._spans.begin(call.action.name, SpanKind.INTERNAL, context)

    def ended(self, call: Call, outcome: Outcome, seconds: float, mark: Any) -> None:
        """Set the attributes of a call, and end its span unless it is that of its request."""
        if mark is None:
            return
        error = outcome.error
        if isinstance(mark, TransportSpan):
            mark.error = error
            if mark.scope is not None and mark.scope.is_recording:
                mark.scope.span.set_attributes(_attributes(call, outcome))
            return
        if mark.is_recording:
            attributes = _attributes(call, outcome)
            if call.connection.transport == "websocket" and call.outer is None:
                attributes["rpc.system.name"] = "actionhero"
                attributes["rpc.method"] = call.action.name
                attributes["rpc.response.status_code"] = (
                    "OK" if error is None else str(error.type.value)
                )
            mark.span.set_attributes(attributes)
            if error is not None and error.type.is_server_error and not outcome.cancelled:
                mark.set_error(str(error.type.value))
        mark.end()


def _attributes(call: Call, outcome: Outcome) -> dict[str, str]:
    return {
        "actionhero.action": call.action.name,
        "actionhero.transport": call.connection.transport,
        "actionhero.outcome": outcome.name,
        "actionhero.request_id": call.request_id,
    }
