"""`Spans`: begins the spans of this package, and makes them those of the current context."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach, detach, get_current
from opentelemetry.trace import (
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
)

from actionhero.transport import context_facts
from actionhero_telemetry.otel.propagation import Propagation
from actionhero_telemetry.otel.sampling import UnsampledSpan, is_below

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span, Tracer
    from opentelemetry.util.types import AttributeValue

    from actionhero_telemetry.otel.sampling import Sampling
    from actionhero_telemetry.otel.trace_ids import TraceIds

    Attributes = Mapping[str, AttributeValue]

__all__ = ["SpanKind", "SpanScope", "Spans"]


class SpanScope:
    """A span that is the current one until `end`, and on the log lines in between.

    Args:
        span: The span.
        context: The context with the span.
    """

    __slots__ = ("_context", "_facts", "_token", "is_recording", "span")

    def __init__(self, span: Span, context: Context) -> None:
        self.span = span
        #: Whether it is exported; attributes of others need not be computed.
        self.is_recording = span.is_recording()
        self._context = context
        self._token: Any = attach(context)
        self._facts: Any = None
        if self.is_recording:
            ids = span.get_span_context()
            self._facts = context_facts.set(
                {
                    **(context_facts.get() or {}),
                    "trace_id": format(ids.trace_id, "032x"),
                    "span_id": format(ids.span_id, "016x"),
                }
            )

    def set_error(self, type_: str) -> None:
        """Mark the span as failed. The message of an error may contain a secret."""
        self.span.set_attribute("error.type", type_)
        self.span.set_status(Status(StatusCode.ERROR, type_))

    def end(self) -> None:
        """End the span, and restore the previous one."""
        self.discard()
        if self.is_recording:
            self.span.end()

    def discard(self) -> None:
        """Restore the previous span, without an export of this one."""
        # A coroutine that is closed may end in another context, which has another span.
        if self._token is not None and get_current() is self._context:
            detach(self._token)
            if self._facts is not None:
                context_facts.reset(self._facts)
        self._token = None


class Spans:
    """Begins spans, once `open` was called."""

    def __init__(self) -> None:
        self.propagation = Propagation()
        self._tracer: Tracer | None = None
        self._ids: TraceIds | None = None
        #: `None`: a sampler of another package decides.
        self._bound: int | None = None
        self._follows_parent = True

    def open(self, tracer: Tracer, ids: TraceIds, sampling: Sampling | None) -> None:
        """Begin spans from now on.

        Args:
            tracer: The tracer of the SDK.
            ids: The generator of its ids.
            sampling: Which traces are recorded; `None`: its sampler decides.
        """
        self._bound = None if sampling is None else sampling.bound
        self._follows_parent = sampling is None or sampling.follows_parent
        self._ids = ids
        self._tracer = tracer

    def close(self) -> None:
        """Begin no more spans."""
        self._tracer = None

    def begin(
        self,
        name: str,
        kind: SpanKind,
        parent: Context | None = None,
        attributes: Attributes | None = None,
        links: Sequence[Link] = (),
    ) -> SpanScope | None:
        """Begin a span, and make it the current one.

        Args:
            name: The name.
            kind: The kind.
            parent: The context of its parent; empty: a new trace; `None`: the current context.
            attributes: Its attributes.
            links: Links to other spans.

        Returns:
            The span; `None`: the current trace is not recorded, or traces are off.
        """
        tracer = self._tracer
        if tracer is None:
            return None
        context = get_current() if parent is None else parent
        if self._bound is not None:
            span = get_current_span(context)
            if parent is None and type(span) is UnsampledSpan:
                return None
            unsampled = self._unsampled(span, self._bound)
            if unsampled is not None:
                if unsampled is not span:
                    context = set_span_in_context(unsampled, context)
                elif parent is None:
                    return None
                return SpanScope(unsampled, context)
        span = tracer.start_span(name, context, kind, attributes, links)
        return SpanScope(span, set_span_in_context(span, context))

    def _unsampled(self, parent: Span, bound: int) -> Span | None:
        """Return the span of a trace that is not recorded; `None`: it is recorded."""
        if type(parent) is UnsampledSpan:
            return parent
        ids = parent.get_span_context()
        if not ids.is_valid:
            trace_id = random.getrandbits(128) or 1
            if not is_below(trace_id, bound):
                return UnsampledSpan(trace_id)
            assert self._ids is not None  # noqa: S101 - set together with the tracer
            self._ids.use(trace_id)
            return None
        if self._follows_parent:
            return None if ids.trace_flags.sampled else parent
        return None if is_below(ids.trace_id, bound) else UnsampledSpan(ids.trace_id)
