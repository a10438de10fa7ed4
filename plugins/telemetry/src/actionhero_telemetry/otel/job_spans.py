"""`JobSpans`: spans for the enqueueing and the runs of jobs, and for schedules.

It has the methods of `actionhero_tasks.JobObserver`, and does not import that package.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import Link, get_current_span

from actionhero_telemetry.otel.propagation import EMPTY
from actionhero_telemetry.otel.spans import SpanKind
from actionhero_telemetry.otel.transport_span import TransportSpan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero_telemetry.otel.spans import Spans, SpanScope

#: The error of a dead job whose call has none, such as an undecodable one.
DEAD: Final = "dead"


class JobSpans:
    """Begins the spans of jobs.

    Args:
        spans: Begins spans.
        continues: Whether a job continues the trace that has enqueued it.
    """

    def __init__(self, spans: Spans, *, continues: bool) -> None:
        self._spans = spans
        self._continues = continues

    # -- enqueueing ----------------------------------------------------------------------------

    def enqueuing(self, action: str) -> SpanScope | None:
        """Begin the span of an enqueueing, which the job continues."""
        return self._spans.begin("send", SpanKind.PRODUCER)

    def enqueued(self, jobs: Sequence[Any], ids: Sequence[str], mark: SpanScope | None) -> None:
        """End the span, with the queue, which middleware may have changed."""
        if mark is None:
            return
        if mark.is_recording:
            queue = jobs[0].queue
            mark.span.update_name(f"send {queue}")
            mark.span.set_attributes(
                {
                    **_attributes("send", queue),
                    "actionhero.action": jobs[0].action,
                }
            )
            if len(jobs) == 1:
                mark.span.set_attribute("messaging.message.id", str(ids[0]))
            else:
                mark.span.set_attribute("messaging.batch.message_count", len(jobs))
        mark.end()

    def not_enqueued(self, error: BaseException | None, mark: SpanScope | None) -> None:
        """End the span; without an error, it is dropped."""
        if mark is None:
            return
        if error is None:
            mark.discard()
            return
        if mark.is_recording:
            mark.span.set_attributes(_attributes("send"))
            mark.set_error(type(error).__qualname__)
        mark.end()

    # -- schedules -----------------------------------------------------------------------------

    def ticking(self, action: str, time_ms: int) -> SpanScope | None:
        """Begin a trace for a time of a schedule."""
        time = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat()
        attributes = {"actionhero.action": action, "actionhero.schedule.time": time}
        return self._spans.begin(f"tick {action}", SpanKind.INTERNAL, EMPTY, attributes)

    def ticked(self, is_new: bool, mark: SpanScope | None) -> None:
        """End the trace; if another process has enqueued the action, it is dropped."""
        if mark is None:
            return
        if is_new:
            mark.end()
        else:
            mark.discard()

    # -- runs ----------------------------------------------------------------------------------

    def began(self, claim: Any, carrier: Mapping[str, str]) -> TransportSpan:
        """Begin the span of a run, in the trace of the enqueueing or with a link to it."""
        enqueueing = self._spans.propagation.extract(carrier)
        ids = get_current_span(enqueueing).get_span_context()
        scope = self._spans.begin(
            f"process {claim.queue}",
            SpanKind.CONSUMER,
            enqueueing if self._continues else EMPTY,
            links=[Link(ids)] if ids.is_valid else (),
        )
        return TransportSpan(claim, scope)

    def ended(self, claim: Any, settlement: Any, mark: TransportSpan | None) -> None:
        """End the span of a run."""
        if mark is None:
            return
        scope = mark.scope
        if scope is not None and scope.is_recording:
            scope.span.set_attributes(
                {
                    **_attributes("process", claim.queue),
                    "messaging.message.id": claim.id,
                    "actionhero.action": claim.action,
                    "actionhero.job.attempt": claim.attempts + 1,
                }
            )
            error = mark.error
            if settlement is not None and settlement.kind == "dead":
                scope.set_error(DEAD if error is None else str(error.type.value))
            elif error is not None and settlement is not None and error.type.is_server_error:
                scope.set_error(str(error.type.value))
        mark.end()


def _attributes(operation: str, queue: str = "") -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "messaging.system": "actionhero",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
    }
    if queue:
        attributes["messaging.destination.name"] = queue
    return attributes
