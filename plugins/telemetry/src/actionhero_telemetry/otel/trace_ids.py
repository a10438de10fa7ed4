"""`TraceIds`: generates ids, of which `Spans` chooses that of a new trace."""

from __future__ import annotations

import threading

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator


class TraceIds(RandomIdGenerator):
    """Generates random ids. The id of a trace is known before the SDK decides to record it."""

    def __init__(self) -> None:
        self._local = threading.local()

    def use(self, trace_id: int) -> None:
        """Use an id for the next trace that begins in this thread."""
        self._local.trace_id = trace_id

    def generate_trace_id(self) -> int:
        """Return the id to use, or a new one."""
        trace_id: int | None = self._local.__dict__.pop("trace_id", None)
        return super().generate_trace_id() if trace_id is None else trace_id
