"""Traces of calls over all transports, as a collector receives them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import actionhero_channels.plugin
import actionhero_redis.plugin
import actionhero_tasks.plugin
import actionhero_telemetry.plugin
import actionhero_web.plugin
import actionhero_websocket.plugin
from actionhero import Action, Call, Connection, Inputs, NotFound, RunMode, Secret, hookimpl
from actionhero.logs import CallLog, add_tap
from actionhero.testing import running_app
from actionhero.transport import ValuePayload
from actionhero_channels import Channel, Channels
from actionhero_tasks import Task, Tasks, TasksSettings
from actionhero_telemetry import TelemetrySettings, span
from actionhero_telemetry.testing import Collector, Link, Span
from actionhero_web import WebSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero.testing import RunningApp

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{PARENT}-01"
UNSAMPLED = f"00-{TRACE}-{PARENT}-00"


class News(Channel):
    name = "news:{topic}"

    async def presence_key(self, subscription: Any) -> None:
        return None


class ResetInputs(Inputs):
    token: Secret[str]
    note: str = ""


class OrderInputs(Inputs):
    fail: str = ""


class Order(Action):
    """Enqueue a job, or fail."""

    name = "order"
    web = "POST /order"

    async def run(self, inputs: OrderInputs, call: Call) -> str:
        if inputs.fail == "unexpected":
            raise ValueError("secret-of-the-message")
        if inputs.fail == "client":
            raise NotFound("No such order")
        with span("price", {"items": 3}) as current:
            current.set(currency="EUR")
            await call.run(Nested)
        return await call.get(Tasks).enqueue(Ship)


class Nested(Action):
    """Do nothing."""

    name = "nested"

    async def run(self) -> None:
        pass


class Ship(Action):
    """Broadcast."""

    name = "ship"
    task = Task(queue="mail", retries=0)

    async def run(self, inputs: OrderInputs, call: Call) -> None:
        if inputs.fail:
            raise NotFound("No such order")
        await call.get(Channels).broadcast("news:orders", {"text": "shipped"})


class Reset(Action):
    """Take a secret in the path, in the query or in the body."""

    name = "reset"
    web = ["POST /reset/{token}", "POST /reset"]

    async def run(self, inputs: ResetInputs) -> None:
        raise ValueError(f"the token {inputs.token} is invalid")


class Shop:
    """The application."""

    def __init__(self, *actions: type[Action]) -> None:
        self.actions = actions

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [Order, Nested, Ship, Reset, *self.actions]

    @hookimpl
    def actionhero_channels(self) -> list[type[Channel]]:
        return [News]


PLUGINS = (
    actionhero_web.plugin,
    actionhero_redis.plugin,
    actionhero_channels.plugin,
    actionhero_websocket.plugin,
    actionhero_tasks.plugin,
    actionhero_telemetry.plugin,
)


class Site:
    """A running application whose spans a collector receives at its end.

    Args:
        app: The application.
        client: A client of its server.
    """

    def __init__(self, app: RunningApp, client: aiohttp.ClientSession) -> None:
        self.app = app
        self.client = client

    async def post(self, path: str, *, traceparent: str = "", **body: Any) -> Any:
        headers = {"traceparent": traceparent} if traceparent else {}
        async with self.client.post(path, json=body, headers=headers) as response:
            return await response.json()

    async def job(self, id: str) -> None:
        await self.app.get(Tasks).wait(id, timedelta(seconds=20))


@contextlib.asynccontextmanager
async def serve(
    collector: Collector, *actions: type[Action], mode: RunMode = RunMode.SERVER, **settings: Any
) -> AsyncIterator[Site]:
    """Run the application."""
    options = {"traces": True, "sample": 1.0, "endpoint": collector.url, **settings}
    async with running_app(
        *PLUGINS,
        Shop(*actions),
        mode=mode,
        settings=[
            TelemetrySettings(metrics=False, **options),
            WebSettings(port=0),
            TasksSettings(run_in_server=True),
        ],
        environ={"ACTIONHERO_REDIS__MODE": "memory", "ACTIONHERO_APP__NAME": "shop"},
    ) as app:
        servers = {server.name: server for server in app.app.servers}
        port = servers["web"].port if "web" in servers else 0  # type: ignore[attr-defined]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            yield Site(app, client)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


def chain(collector: Collector, *names: str) -> list[Span]:
    """Return spans of which each is the parent of the next one."""
    spans = [collector.one(name) for name in names]
    for parent, child in itertools.pairwise(spans):
        assert (child.trace_id, child.parent_id) == (parent.trace_id, parent.span_id)
    return spans


async def test_a_request_its_job_and_its_broadcast_are_one_trace(collector: Collector) -> None:
    """Which continues that of the client."""
    async with serve(collector) as site, site.client.ws_connect("/ws") as socket:
        await socket.send_json(
            {"messageType": "subscribe", "messageId": 1, "channel": "news:orders"}
        )
        await socket.receive_json()
        await site.job(await site.post("/api/order", traceparent=SAMPLED))
        received = await socket.receive_json()

    assert received["message"]["message"] == {"text": "shipped"}
    assert TRACE not in str(received)
    request, enqueueing, job, broadcast = chain(
        collector, "POST /api/order", "send mail", "process mail", "publish news:{topic}"
    )
    assert (request.trace_id, request.parent_id) == (TRACE, PARENT)
    assert [span.kind for span in (request, enqueueing, job, broadcast)] == [
        *("SERVER", "PRODUCER", "CONSUMER", "PRODUCER")
    ]
    assert job.links == (Link(TRACE, enqueueing.span_id),)
    price, nested = chain(collector, "POST /api/order", "price", "nested")[1:]
    assert price.attributes == {"items": 3, "currency": "EUR"}
    assert nested.kind == "INTERNAL"
    assert len([span for span in collector.spans if span.trace_id == TRACE]) == 6
    assert request.resource["service.name"] == "shop"


async def test_the_attributes_are_those_of_the_conventions(collector: Collector) -> None:
    """Of a request, of its enqueueing, and of its job."""
    async with serve(collector) as site:
        id = await site.post("/api/order?password=query-secret")
        await site.job(id)
        port = site.client._base_url.port  # type: ignore[union-attr]

    request = dict(collector.one("POST /api/order").attributes)
    assert "aiohttp" in request.pop("user_agent.original")
    request_id = request.pop("actionhero.request_id")
    assert request == {
        "http.request.method": "POST",
        "http.route": "/api/order",
        "http.response.status_code": 200,
        "url.path": "/api/order",
        "url.scheme": "http",
        "server.address": "127.0.0.1",
        "server.port": port,
        "client.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "actionhero.action": "order",
        "actionhero.transport": "web",
        "actionhero.outcome": "ok",
    }
    message = {
        "messaging.system": "actionhero",
        "messaging.destination.name": "mail",
        "messaging.message.id": id,
        "actionhero.action": "ship",
    }
    assert collector.one("send mail").attributes == {
        **message,
        "messaging.operation.type": "send",
        "messaging.operation.name": "send",
    }
    assert collector.one("process mail").attributes == {
        **message,
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "actionhero.job.attempt": 1,
        "actionhero.transport": "task",
        "actionhero.outcome": "ok",
        "actionhero.request_id": request_id,
    }


async def test_calls_over_websocket_have_the_trace_of_their_message(collector: Collector) -> None:
    """Not that of the handshake; without one, each begins a trace."""
    sent: list[dict[str, Any]] = [{"traceparent": SAMPLED}, {}, {"params": {"fail": "client"}}]
    async with serve(collector) as site, site.client.ws_connect("/ws") as socket:
        for number, fields in enumerate(sent):
            message = {"messageType": "action", "messageId": number, "action": "order", **fields}
            await socket.send_json(message)
            await socket.receive_json()

    first, second, third = [span for span in collector.spans if span.name == "order"]
    assert (first.kind, first.trace_id, first.parent_id) == ("SERVER", TRACE, PARENT)
    assert second.parent_id == ""
    assert len({first.trace_id, second.trace_id, third.trace_id}) == 3
    assert first.attributes["rpc.system.name"] == "actionhero"
    assert first.attributes["rpc.method"] == "order"
    assert first.attributes["rpc.response.status_code"] == "OK"
    code = "CONNECTION_ACTION_RECORD_NOT_FOUND"
    assert third.attributes["rpc.response.status_code"] == code
    assert third.error is None
    handshake = collector.one("GET /ws")
    assert handshake.attributes["http.response.status_code"] == 101
    assert handshake.trace_id != second.trace_id


async def test_calls_of_tests_and_commands_are_internal(collector: Collector) -> None:
    """With the trace of their carrier, such as `TRACEPARENT`."""
    async with serve(collector) as site:
        await site.app.call("nested")
        await site.app.app.pipeline.execute(
            Connection("cli"), "nested", ValuePayload({}), carrier={"traceparent": SAMPLED}
        )

    assert [(span.kind, span.parent_id) for span in collector.spans] == [
        *(("INTERNAL", ""), ("INTERNAL", PARENT))
    ]


async def test_a_call_of_a_tool_has_the_trace_of_its_message(collector: Collector) -> None:
    """Not that of its HTTP request; without one, it is part of the request."""
    async with serve(collector) as site:
        with span("POST /mcp"):
            for carrier in ({"traceparent": SAMPLED}, {}):
                await site.app.app.pipeline.execute(
                    Connection("mcp"), "nested", ValuePayload({}), carrier=carrier
                )

    request = collector.one("POST /mcp")
    parents = [item.parent_id for item in collector.spans if item.name == "nested"]
    assert parents == [PARENT, request.span_id]


async def test_a_job_has_the_trace_state_of_its_request(collector: Collector) -> None:
    """Also in a trace that is not recorded."""
    headers = {"traceparent": UNSAMPLED, "tracestate": "vendor=1"}
    async with serve(collector) as site:
        async with site.client.post("/api/order", json={}, headers=headers) as response:
            id = await response.json()
        job = await site.app.get(Tasks).use(lambda store: store.find(id))

    assert job is not None
    assert json.loads(job.body)["options"]["carrier"] == headers


@pytest.mark.parametrize(
    "tracestate",
    ["vendor=" + "1" * 600, ",".join(f"v{number}={'1' * 50}" for number in range(20)), "x", "x=é"],
    ids=["long", "many", "invalid", "not ASCII"],
)
async def test_a_client_determines_neither_the_size_of_jobs_nor_the_log(
    collector: Collector, caplog: pytest.LogCaptureFixture, tracestate: str
) -> None:
    """The trace is continued without its state."""
    headers = {"Traceparent": SAMPLED, "Tracestate": tracestate}
    async with serve(collector) as site:
        async with site.client.post("/api/order", json={}, headers=headers) as response:
            id = await response.json()
        job = await site.app.get(Tasks).use(lambda store: store.find(id))

    assert job is not None
    carrier = json.loads(job.body)["options"]["carrier"]
    assert list(carrier) == ["traceparent"]
    assert carrier["traceparent"].startswith(f"00-{TRACE}-")
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]


async def test_only_faults_of_the_server_are_errors(collector: Collector) -> None:
    """With the type of the error, never with its message."""
    async with serve(collector) as site:
        await site.post("/api/order", fail="unexpected")
        await site.post("/api/order", fail="client")
        async with site.client.get("/api/unknown/path") as response:
            assert response.status == 404
        tasks = site.app.get(Tasks)
        await site.job(await tasks.enqueue(Ship, {"fail": "dead"}))

    failed, refused = [span for span in collector.spans if span.name == "POST /api/order"]
    assert failed.error == "CONNECTION_ACTION_RUN"
    assert failed.attributes["error.type"] == "CONNECTION_ACTION_RUN"
    assert failed.attributes["http.response.status_code"] == 500
    assert refused.error is None
    assert "error.type" not in refused.attributes
    assert collector.one("GET").attributes["http.response.status_code"] == 404
    assert "http.route" not in collector.one("GET").attributes
    assert collector.one("process mail").error == "CONNECTION_ACTION_RECORD_NOT_FOUND"
    assert b"secret-of-the-message" not in b"".join(collector.bodies)


async def test_no_secret_is_exported(collector: Collector) -> None:
    """Of a path, a query, a body, a header or a cookie."""
    secrets = {name: f"swordfish-{name}" for name in ("path", "query", "body", "header", "cookie")}
    headers = {"Authorization": f"Bearer {secrets['header']}", "Cookie": f"a={secrets['cookie']}"}
    async with serve(collector) as site:
        for path, body in [
            (f"/api/reset/{secrets['path']}", {}),
            (f"/api/reset?token={secrets['query']}", {}),
            ("/api/reset", {"token": secrets["body"], "note": "a-plain-input"}),
        ]:
            async with site.client.post(path, json=body, headers=headers) as response:
                assert response.status == 500
        for method, status in (("PUT", 405), ("OPTIONS", 204)):
            path = f"/api/reset/{secrets['path']}"
            async with site.client.request(method, path, headers=headers) as response:
                assert response.status == status
        # Paths of no route.
        for path in (f"/api/reset/{secrets['path']}/extra", f"/api/resett/{secrets['path']}"):
            async with site.client.post(path) as response:
                assert response.status == 404

    exported = b"".join(collector.bodies)
    assert len(collector.spans) == 7
    assert b"POST /api/reset/{token}" in exported
    assert b"swordfish" not in exported
    assert b"a-plain-input" not in exported


@pytest.mark.parametrize(
    ("traceparent", "sample", "is_recorded"),
    [(SAMPLED, 0.0, True), (UNSAMPLED, 1.0, False), ("", 0.0, False), ("", 1.0, True)],
)
async def test_a_trace_is_recorded_if_its_parent_is(
    collector: Collector, traceparent: str, sample: float, is_recorded: bool
) -> None:
    """Without a parent, by the ratio; jobs pass the decision on."""
    async with serve(collector, sample=sample) as site:
        id = await site.post("/api/order", traceparent=traceparent)
        await site.job(id)
        job = await site.app.get(Tasks).use(lambda store: store.find(id))
    assert job is not None
    carrier = json.loads(job.body)["options"]["carrier"]["traceparent"]

    assert len(collector.spans) == (6 if is_recorded else 0)
    assert carrier.endswith("-00") is not is_recorded
    if traceparent:
        assert carrier[3:35] == TRACE


@pytest.mark.parametrize(
    "traceparent",
    [
        "nonsense",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"01-{TRACE}-{PARENT}-01-{'a' * 4000}",
    ],
)
def test_an_invalid_traceparent_begins_a_trace(traceparent: str) -> None:
    """As without one."""
    from opentelemetry.trace import get_current_span

    from actionhero_telemetry.otel.propagation import Propagation

    context = Propagation().extract({"traceparent": traceparent, "tracestate": "a=1"})
    assert not get_current_span(context).get_span_context().is_valid


async def test_an_invalid_traceparent_of_a_request_is_ignored(collector: Collector) -> None:
    """The request has a trace of its own."""
    async with serve(collector) as site:
        await site.post("/api/order", traceparent=f"ff-{TRACE}-{PARENT}-01", fail="client")

    assert collector.one("POST /api/order").trace_id != TRACE


async def test_a_job_may_have_a_trace_of_its_own(collector: Collector) -> None:
    """With a link."""
    async with serve(collector, job_parent=False) as site:
        await site.job(await site.post("/api/order", traceparent=SAMPLED))

    job, enqueueing = collector.one("process mail"), collector.one("send mail")
    assert job.trace_id != TRACE
    assert job.parent_id == ""
    assert job.links == (Link(TRACE, enqueueing.span_id),)


async def test_a_time_of_a_schedule_begins_a_trace(collector: Collector) -> None:
    """Which its job continues; times of other schedulers are not exported."""
    ran = asyncio.Event()

    class Sweep(Action):
        """Sweep."""

        name = "sweep"

        async def run(self) -> None:
            ran.set()

    async with serve(collector, Sweep) as site:
        tasks = site.app.get(Tasks)
        action = site.app.app.actions.find("sweep")
        await tasks.use(lambda store: store.last_fire_time("sweep", 0))
        for _ in range(2):
            await tasks.enqueue_scheduled(action, 1_000, overlap=True)
        await ran.wait()

    tick, _, _ = chain(collector, "tick sweep", "send default", "process default")
    assert tick.parent_id == ""
    assert tick.attributes == {
        "actionhero.action": "sweep",
        "actionhero.schedule.time": "1970-01-01T00:00:01+00:00",
    }


async def test_log_lines_have_the_ids_of_a_recorded_trace(collector: Collector) -> None:
    """Of calls, and of other messages; not of an unrecorded one."""
    lines: list[Any] = []
    remove = add_tap(lines.append)
    try:
        async with serve(collector) as site:
            site.app.app.pipeline.call_log = log = CallLog()
            log.enabled = True
            await site.post("/api/order", traceparent=SAMPLED, fail="unexpected")
            await site.post("/api/order", traceparent=UNSAMPLED, fail="client")
    finally:
        remove()

    calls = [line for line in lines if line["message"] == "call"]
    span_id = collector.one("POST /api/order").span_id
    assert (calls[0]["trace_id"], calls[0]["span_id"]) == (TRACE, span_id)
    assert "trace_id" not in calls[1]


async def test_a_command_passes_the_trace_of_its_environment_to_its_jobs(
    collector: Collector,
) -> None:
    """Without OpenTelemetry, which takes long to import."""
    async with serve(collector, mode=RunMode.CLI) as site:
        outcome = await site.app.app.pipeline.execute(
            Connection("cli"), "order", ValuePayload({}), carrier={"traceparent": SAMPLED}
        )
        job = await site.app.get(Tasks).use(lambda store: store.find(outcome.unwrap()))

    assert job is not None
    assert json.loads(job.body)["options"]["carrier"] == {"traceparent": SAMPLED}
    assert collector.requests == 0


async def test_spans_of_the_application_do_nothing_without_traces() -> None:
    """Nor do errors in them change."""
    with span("price", {"items": 1}) as current:
        current.set(more=1)
    with pytest.raises(ValueError, match="passed on"), span("price"):
        raise ValueError("passed on")
