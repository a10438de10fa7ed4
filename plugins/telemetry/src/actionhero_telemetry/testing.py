"""`Collector`: receives traces and metrics in tests, and decodes them.

It needs the extra `otel`, and aiohttp.
"""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status as StatusMessage

if TYPE_CHECKING:
    from types import TracebackType


class Link(NamedTuple):
    """A link to another span."""

    trace_id: str
    span_id: str


@dataclass(frozen=True)
class Span:
    """A span, as it was received."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: tuple[Link, ...]
    #: The description of the error; `None` without one.
    error: str | None
    #: The attributes of the process.
    resource: dict[str, Any]


class Collector:
    """A collector over HTTP, in the event loop of a test."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.metrics: list[Any] = []
        self.headers: list[Any] = []
        #: All that was received, decompressed.
        self.bodies: list[bytes] = []
        self.requests = 0
        self.status = 200
        #: Cleared: the collector does not respond.
        self.responds = asyncio.Event()
        self.responds.set()
        self._server: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/v1/traces", self._receive_traces)
        application.router.add_post("/v1/metrics", self._receive_metrics)
        self._server = web.AppRunner(application, shutdown_timeout=0.1)
        await self._server.setup()
        site = web.TCPSite(self._server, "127.0.0.1", 0)
        await site.start()
        return self

    async def __aexit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            await self._server.cleanup()

    @property
    def url(self) -> str:
        """The address."""
        if self._server is None:
            raise RuntimeError("the collector has not started; use it with `async with`")
        return f"http://127.0.0.1:{self._server.addresses[0][1]}"

    def one(self, name: str) -> Span:
        """Return the only span with a name."""
        [span] = [span for span in self.spans if span.name == name]
        return span

    async def _read(self, request: web.Request) -> bytes:
        self.requests += 1
        self.headers.append(request.headers.copy())
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        await self.responds.wait()
        return body

    async def _receive_traces(self, request: web.Request) -> web.Response:
        body = await self._read(request)
        if self.status != 200:
            return web.Response(status=self.status)
        self.bodies.append(body)
        message = ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            attributes = _attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [_span(span, attributes) for span in scope.spans]
        return web.Response()

    async def _receive_metrics(self, request: web.Request) -> web.Response:
        body = await self._read(request)
        self.bodies.append(body)
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in resource.scope_metrics:
                self.metrics += scope.metrics
        return web.Response()


def _span(span: SpanMessage, resource: dict[str, Any]) -> Span:
    return Span(
        span.name,
        SpanMessage.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _attributes(span.attributes),
        tuple(Link(link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        span.status.message if span.status.code == StatusMessage.STATUS_CODE_ERROR else None,
        resource,
    )


def _attributes(items: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in items}
