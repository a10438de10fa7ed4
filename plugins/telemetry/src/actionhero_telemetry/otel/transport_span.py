"""`TransportSpan`: the span of a request or a job, which its call fills in."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero import Call, TypedError
    from actionhero_telemetry.otel.spans import SpanScope

_current: ContextVar[TransportSpan | None] = ContextVar("actionhero_transport_span", default=None)


class TransportSpan:
    """The span of a request or a job; its call has no other one.

    Args:
        source: The request or the claim of the job: `connection.raw` of its call.
        scope: The span; `None`: the trace is not recorded.
    """

    __slots__ = ("_token", "call", "error", "scope", "source")

    def __init__(self, source: Any, scope: SpanScope | None) -> None:
        self.source = source
        self.scope = scope
        #: The call, once it has begun.
        self.call: Call | None = None
        #: The error of the call.
        self.error: TypedError | None = None
        self._token: Token[TransportSpan | None] | None = _current.set(self)

    def end(self) -> None:
        """End the span."""
        if self._token is not None and _current.get() is self:
            _current.reset(self._token)
        self._token = None
        # The contexts of tasks that it has started still have it.
        self.source = None
        if self.scope is not None:
            self.scope.end()


def transport_span(source: Any) -> TransportSpan | None:
    """Return the open span of a request or a job, in its context; `None` if it has none."""
    current = _current.get()
    return (
        current if current is not None and source is not None and current.source is source else None
    )
