"""`span`: a span of the application's own, around a part of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from actionhero_telemetry.otel.spans import Spans, SpanScope

#: Set while this process records traces.
_spans: list[Spans] = []


class CurrentSpan:
    """A span in a `with` block. Without traces, it does nothing.

    Args:
        name: The name.
        attributes: Its attributes.
    """

    __slots__ = ("_attributes", "_name", "_scope")

    def __init__(self, name: str, attributes: Mapping[str, Any] | None) -> None:
        self._name = name
        self._attributes = attributes
        self._scope: SpanScope | None = None

    def set(self, **attributes: Any) -> None:
        """Set attributes: texts, numbers, booleans, or lists of these. They must not be secret."""
        if self._scope is not None and self._scope.is_recording:
            self._scope.span.set_attributes(attributes)

    def __enter__(self) -> CurrentSpan:
        """Begin the span."""
        if _spans:
            from opentelemetry.trace import SpanKind

            self._scope = _spans[-1].begin(
                self._name, SpanKind.INTERNAL, attributes=self._attributes
            )
        return self

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the span; the type of an error is its status."""
        scope, self._scope = self._scope, None
        if scope is not None:
            if type_ is not None and scope.is_recording:
                scope.set_error(type_.__qualname__)
            scope.end()


def span(name: str, attributes: Mapping[str, Any] | None = None) -> CurrentSpan:
    """Return a span for a `with` block. It does nothing if traces are off.

    Nor does it if the current trace is not recorded.

    Args:
        name: The name, without values that differ in each call.
        attributes: Texts, numbers, booleans, or lists of these. They must not be secret.
    """
    return CurrentSpan(name, attributes)


def set_spans(spans: Spans) -> None:
    """Record the spans of this process."""
    _spans.append(spans)


def remove_spans(spans: Spans) -> None:
    """Stop recording."""
    if spans in _spans:
        _spans.remove(spans)
