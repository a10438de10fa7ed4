"""`Sampling`: which traces are recorded, decided before the SDK creates a span."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, SpanContext

from actionhero import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler

#: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
SAMPLER_VARIABLE: Final = "OTEL_TRACES_SAMPLER"
ARGUMENT_VARIABLE: Final = "OTEL_TRACES_SAMPLER_ARG"
#: The part of a trace id that the ratio is compared with, as in the SDK.
_MASK: Final = (1 << 64) - 1


class UnsampledSpan(NonRecordingSpan):
    """The span of a trace that is not recorded, for code that passes the trace on.

    That of the SDK takes five times as long, as its ids are created at once.

    Args:
        trace_id: The trace.
    """

    def __init__(self, trace_id: int) -> None:
        super().__init__(INVALID_SPAN_CONTEXT)
        self._trace_id = trace_id
        self._created: SpanContext | None = None

    def get_span_context(self) -> SpanContext:
        """Return the ids, with the flag that the trace is not recorded."""
        if self._created is None:
            self._created = SpanContext(self._trace_id, random.getrandbits(64) or 1, False)
        return self._created


@dataclass(frozen=True, slots=True)
class Sampling:
    """The ratio of recorded traces."""

    #: The ratio of the traces that begin here.
    ratio: float
    #: Whether a trace of the caller is recorded if the caller records it.
    follows_parent: bool = True

    @property
    def bound(self) -> int:
        """A trace is recorded if the last 64 bits of its id are below this number."""
        return round(self.ratio * (_MASK + 1))

    def sampler(self) -> Sampler:
        """Return the same decision as a sampler of the SDK, for spans of other libraries."""
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

        root = TraceIdRatioBased(self.ratio)
        return ParentBased(root) if self.follows_parent else root


def is_below(trace_id: int, bound: int) -> bool:
    """Return whether a trace is recorded."""
    return trace_id & _MASK < bound


def sampling_from(default_ratio: float) -> Sampling | None:
    """Return the sampling of the environment; `None` for a sampler of another package.

    Args:
        default_ratio: The ratio without `OTEL_TRACES_SAMPLER`.

    Raises:
        ConfigurationError: The argument of the sampler is not a ratio.
    """
    name = os.environ.get(SAMPLER_VARIABLE, "").strip().lower()
    if not name:
        return Sampling(default_ratio)
    kind = name.removeprefix("parentbased_")
    follows_parent = kind != name
    if kind == "always_on":
        return Sampling(1.0, follows_parent)
    if kind == "always_off":
        return Sampling(0.0, follows_parent)
    if kind != "traceidratio":
        return None
    text = os.environ.get(ARGUMENT_VARIABLE, "").strip() or "1"
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise ConfigurationError(
            f"{ARGUMENT_VARIABLE} is {text!r}, which is not a ratio; set a number from 0 to 1"
        )
    return Sampling(ratio, follows_parent)
