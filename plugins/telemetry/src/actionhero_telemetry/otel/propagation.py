"""`Propagation`: the context of a trace in the fields that a caller sends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.propagators.textmap import TextMapPropagator

PROPAGATORS_VARIABLE: Final = "OTEL_PROPAGATORS"
#: The longest fields; longer ones are ignored. A `traceparent` of version 00 has 55 characters, and
#: 512 of a `tracestate` should be passed on: it is stored with each job.
MAX_LENGTHS: Final = {"traceparent": 256, "tracestate": 512}
#: The context of a call that begins a trace.
EMPTY: Final = Context()


class Propagation:
    """Reads and writes the fields of a trace: those of W3C, or of `OTEL_PROPAGATORS`.

    Without that variable, baggage is not passed on: it would be stored with jobs, and any client
    can send it.
    """

    def __init__(self) -> None:
        self._propagator: TextMapPropagator = TraceContextTextMapPropagator()
        if os.environ.get(PROPAGATORS_VARIABLE):
            from opentelemetry.propagate import get_global_textmap

            self._propagator = get_global_textmap()
        self._fields = tuple(self._propagator.fields)

    def extract(self, fields: Mapping[str, str]) -> Context:
        """Return the context in the fields of a caller; without a valid one, an empty context."""
        if not fields or not any(name in fields for name in self._fields):
            return EMPTY
        for name, length in MAX_LENGTHS.items():
            if len(fields.get(name, "")) > length:
                fields = {key.lower(): text for key, text in fields.items() if key.lower() != name}
        return self._propagator.extract(fields, EMPTY)

    def inject(self, context: Context | None = None) -> dict[str, str]:
        """Return the fields of a context, by default the current one."""
        fields: dict[str, str] = {}
        self._propagator.inject(fields, context)
        return fields
