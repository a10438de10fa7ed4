"""Tests of metrics, from their recording to their text."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import shutil
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator  # noqa: TC003 - of an action, which resolves it
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.web import Response
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from actionhero import Action, BootError, Conflict, Instrument, RunMode, hookimpl
from actionhero.settings import AppSettings
from actionhero.testing import running_app
from actionhero_telemetry import Counter, Gauge, Histogram, TelemetrySettings, plugin
from actionhero_telemetry.endpoint import prefers_openmetrics
from actionhero_telemetry.initializer import MetricsInitializer
from actionhero_web import WebSettings
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actionhero_telemetry.metrics import Metric

orders = Counter("shop.orders", 'Orders "placed" in \\ a\nshop.', labels=("country",))
amount = Histogram("shop.order.amount", "Costs of orders.", unit="EUR", buckets=(1, 10, 100))
stock = Gauge("shop.stock", "Things in stock.")


class Order(Action):
    """Place an order."""

    name = "order"
    web = "POST /order/{country}"

    async def run(self, country: str) -> str:
        if country == "none":
            raise Conflict("Nothing is delivered there")
        orders.add(1, country=country)
        amount.record(12.5)
        return country


class Page:
    """A served application with metrics."""

    def __init__(self, client: aiohttp.ClientSession, app: Any, path: str) -> None:
        self.client = client
        self.app = app
        self.path = path

    async def text(self, accept: str = "") -> str:
        """Return the metrics as text."""
        async with self.client.get(self.path, headers={"Accept": accept}) as response:
            assert response.status == 200
            return await response.text()

    async def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return the numbers by name and labels."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in parse_text(await self.text())
            for sample in family.samples
        }

    async def number(self, name: str, **labels: str) -> float | None:
        """Return a number; `None` without one."""
        return (await self.samples()).get((name, frozenset(labels.items())))

    async def call(self, method: str, path: str, **options: Any) -> int:
        """Send a request, and return the status of its response."""
        async with self.client.request(method, path, **options) as response:
            await response.read()
            return response.status


@contextlib.asynccontextmanager
async def served(*plugins: Any, web: bool = True, **settings: Any) -> AsyncIterator[Page]:
    """Serve an application, and yield its metrics."""
    settings = {"route": "/metrics", **settings}
    async with running_app(
        *([web_plugin] if web else []),
        plugin,
        Order,
        *plugins,
        settings=[
            *([WebSettings(port=0)] if web else []),
            TelemetrySettings(**settings),
        ],
        mode=RunMode.SERVER if web else RunMode.WORKER,
    ) as app:
        server: Any = app.app.servers[0] if web else app.get(MetricsInitializer).listener
        port = server.port
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            yield Page(client, app, settings["route"] or "/metrics")


# -- recording ---------------------------------------------------------------------------------


async def test_calls_and_requests_are_measured() -> None:
    async with served() as page:
        for country in ("de", "de", "fr", "none"):
            await page.call("POST", f"/api/order/{country}")
        await page.call("BREW", "/api/order/de")
        stock.set(3)
        stock.add(-1)
        samples = await page.samples()

    def number(name: str, **labels: str) -> float | None:
        return samples.get((name, frozenset(labels.items())))

    call = {"action": "order", "transport": "web"}
    assert number("actionhero_call_duration_seconds_count", **call, outcome="ok") == 3
    conflict = "CONNECTION_ACTION_CONFLICT"
    assert number("actionhero_call_duration_seconds_count", **call, outcome=conflict) == 1
    request = {"http_request_method": "POST", "url_scheme": "http"}
    route = {"http_route": "/api/order/{country}"}
    for status, count in (("200", 3), ("409", 1)):
        labels = {**request, **route, "http_response_status_code": status}
        assert number("http_server_request_duration_seconds_count", **labels) == count
        assert (number("http_server_request_duration_seconds_sum", **labels) or 0) > 0
    assert number("http_server_active_requests", **request) == 0
    assert number("shop_orders_total", country="de") == 2
    assert number("shop_order_amount_EUR_bucket", le="10.0") == 0
    assert number("shop_order_amount_EUR_bucket", le="100.0") == 3
    assert number("shop_order_amount_EUR_sum") == 37.5
    assert number("shop_stock") == 2
    assert (number("process_cpu_seconds_total") or 0) > 0
    assert (number("actionhero_loop_delay_seconds") or 0) >= 0


class Count(Action):
    """Count, as events of a stream."""

    name = "count"
    web = "GET /count"

    async def run(self) -> AsyncIterator[int]:
        yield 1


class Teapot(Action):
    """Return a response."""

    name = "teapot"
    web = "GET /teapot/{status}"

    async def run(self, status: int) -> Any:
        return Response(status=status)


async def test_streams_and_refused_calls_have_metrics_of_their_own() -> None:
    """A stream lasts as long as its client wants, and a refusal has no duration."""
    async with served(Count) as page:
        await page.call("GET", "/api/count")
        await page.call("GET", "/api/unknown")
        await page.call("PUT", "/api/count")
        samples = await page.samples()

    def number(name: str, **labels: str) -> float | None:
        return samples.get((name, frozenset({"transport": "web", **labels}.items())))

    assert not any(name.startswith("actionhero_call_duration") for name, _ in samples)
    stream = {"action": "count", "outcome": "ok"}
    assert number("actionhero_stream_duration_seconds_count", **stream) == 1
    for outcome in ("CONNECTION_ACTION_NOT_FOUND", "CONNECTION_METHOD_NOT_ALLOWED"):
        assert number("actionhero_call_refused_total", outcome=outcome) == 1


async def test_a_failed_response_of_an_action_is_a_failed_call() -> None:
    """As in the log and in traces."""
    async with served(Teapot) as page:
        for status in (200, 418, 503):
            assert await page.call("GET", f"/api/teapot/{status}") == status
        samples = await page.samples()

    outcomes = {
        dict(labels)["outcome"]
        for name, labels in samples
        if name == "actionhero_call_duration_seconds_count"
    }
    assert outcomes == {"ok", "status 418", "status 503"}


async def test_each_call_and_request_beyond_the_limit_is_counted() -> None:
    """Not only the first one of its labels: an alert would clear."""
    async with served(Teapot, series_limit=5) as page:
        for status in (400, 401, 402, 403, 404, 405, 405, 405):
            await page.call("GET", f"/api/teapot/{status}")
        dropped = [
            await page.number("actionhero_series_dropped_total", instrument=name)
            for name in ("actionhero.call.duration", "http.server.request.duration")
        ]

    # The second reading of the metrics is preceded by the request of the first one.
    assert dropped == [3, 4]


async def test_metrics_that_are_declared_later_are_recorded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As by a module that is imported on demand. An invalid one is warned of."""
    async with served() as page:
        late = Counter("late.orders", labels=("country",))
        late.add(2, country="de")
        clash = Gauge("late.orders")
        clash.set(9)
        number = await page.number("late_orders_total", country="de")
        text = await page.text()
    late.add(1, country="de")

    assert number == 2
    assert "late_orders 9" not in text
    assert "metric 'late.orders'" in caplog.text
    assert caplog.text.count("; it is not recorded") == 1
    del late, clash
    gc.collect()


async def test_texts_of_clients_are_no_labels() -> None:
    async with served() as page:
        await page.call("GET", "/api/unknown")
        await page.call("PROPFIND", "/other")
        await page.samples()
        before = set(await page.samples())
        for number in range(1_250):
            await page.call("GET", f"/api/unknown/{number}")
            await page.call("PROPFIND", f"/other/{number}")
        caller = page.app.connect()
        for number in range(2_500):
            with contextlib.suppress(Exception):
                await caller.call(f"unknown:{number}")
        after = await page.samples()
        new = [name for name, labels in set(after) - before if ("transport", "test") not in labels]

    assert new == []
    labels = frozenset({("transport", "test"), ("outcome", "CONNECTION_ACTION_NOT_FOUND")})
    assert after["actionhero_call_refused_total", labels] == 2_500


async def test_series_beyond_the_limit_are_joined_and_counted() -> None:
    async with served(series_limit=3) as page:
        for number in range(10):
            orders.add(1, country=f"c{number}")
        dropped = await page.number("actionhero_series_dropped_total", instrument="shop.orders")
        joined = await page.number("shop_orders_total", country="_other")
        first = await page.number("shop_orders_total", country="c0")

    assert (dropped, joined, first) == (7, 7, 1)


async def test_label_values_are_cut_and_escaped() -> None:
    texts = ['a"b', "a\\b", "a\nb", "\ud800", "ü" * 200]

    async with served() as page:
        for text in texts:
            orders.add(1, country=text)
        read = {
            dict(labels)["country"]
            for name, labels in await page.samples()
            if name == "shop_orders_total"
        }
        text = await page.text()

    assert read == {'a"b', "a\\b", "a\nb", "?", "ü" * 128}
    assert '# HELP shop_orders_total Orders "placed" in \\\\ a\\nshop.\n' in text


async def test_wrong_labels_are_errors() -> None:
    async with served():
        with pytest.raises(TypeError, match="was recorded with the labels town; it has country"):
            orders.add(1, town="x")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (lambda: orders.add(-1, country="de"), "'shop.orders' cannot be increased by -1"),
        (lambda: orders.add(float("nan"), country="de"), "cannot be increased by nan"),
        (lambda: orders.add(float("inf"), country="de"), "cannot be increased by inf"),
        (lambda: amount.record(float("nan")), "'shop.order.amount' cannot record nan"),
        (lambda: amount.record(-float("inf")), "cannot record -inf"),
    ],
)
async def test_numbers_that_would_spoil_a_total_are_errors(
    record: Callable[[], None], expected: str
) -> None:
    """A total that is not a number would stay so, also after a restart."""
    async with served() as page:
        orders.add(1, country="de")
        amount.record(2)
        with pytest.raises(ValueError, match=expected):
            record()
        total = await page.number("shop_orders_total", country="de")
        sum_ = await page.number("shop_order_amount_EUR_sum")

    assert (total, sum_) == (1, 2)


async def text_after_one(metric: Any, folder: Path) -> str:
    """Record 1 in an application, and return its metrics."""
    settings = [AppSettings(data_dir=folder), TelemetrySettings(listen="127.0.0.1:0")]
    async with running_app(plugin, settings=settings, mode=RunMode.WORKER) as app:
        (metric.record if isinstance(metric, Histogram) else metric.add)(1)
        return (await app.get(MetricsInitializer).scraper.scrape()).decode()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            lambda: Counter("app.mails", "Mails."),
            lambda: Counter("app.mails", "Mails sent."),
            {"app_mails_total": 2},
        ),
        (
            lambda: Histogram("app.mails", "Mails.", buckets=(1,)),
            lambda: Histogram("app.mails", "Sizes of mails.", buckets=(1,)),
            {"app_mails_bucket": 2, "app_mails_count": 2, "app_mails_sum": 2},
        ),
        (
            lambda: Counter("app.mails"),
            lambda: Gauge("app.mails"),
            {"app_mails": 1},
        ),
    ],
    ids=["description of a counter", "description of a histogram", "kind"],
)
async def test_a_changed_declaration_repeats_no_number(
    tmp_path: Path,
    old: Callable[[], Metric],
    new: Callable[[], Metric],
    expected: dict[str, float],
) -> None:
    """Prometheus refuses two numbers with the same labels, and two metrics of one name."""
    for declare in (old, new):
        text = await text_after_one(declare(), tmp_path)
        gc.collect()

    numbers = re.findall(r"^(app_mails\w*)(?:{le=.1.0.})? (.+)$", text, re.MULTILINE)
    assert sorted((name, float(number)) for name, number in numbers) == sorted(expected.items())
    assert text.count("# TYPE app_mails") == 1


@pytest.mark.parametrize(
    ("declare", "expected"),
    [
        (lambda: Counter("Shop.Orders"), "is not a dotted name in lower case"),
        (lambda: Counter("a.b", labels=("le",)), "has the invalid label 'le'"),
        (lambda: Counter("shop.orders", labels=("town",)), "clashes with the counter"),
        (lambda: Gauge("shop.orders", labels=("country",)), "clashes with the"),
        (lambda: Counter("actionhero.call.duration", unit="s"), "clashes with the"),
        (lambda: Gauge("shop.orders.total"), "clashes with the counter 'shop.orders'"),
        (lambda: Gauge("actionhero.call.duration.seconds.sum"), "clashes with the histogram"),
        (lambda: Histogram("a.b", buckets=(3, 1)), "they must increase"),
    ],
)
async def test_invalid_declarations_are_start_errors(
    declare: Callable[[], object], expected: str
) -> None:
    metric = declare()

    with pytest.raises(BootError, match=expected) as error:
        async with served():
            pass

    assert "test_metrics.py:" in str(error.value)
    del metric
    gc.collect()


# -- instruments -------------------------------------------------------------------------------


class Instruments:
    """Contributes instruments."""

    def __init__(self, *instruments: Instrument) -> None:
        self.instruments = list(instruments)

    @hookimpl
    def actionhero_instruments(self) -> list[Instrument]:
        return self.instruments


async def test_process_instruments_are_read_when_metrics_are_requested() -> None:
    reads: list[dict[str, int]] = [{"a": 5}, {"a": 7, "b": 1}, {"b": 2}]
    readings = iter(reads)

    def read() -> list[tuple[dict[str, str], float]]:
        return [({"kind": kind}, number) for kind, number in next(readings).items()]

    counted = iter([10, 12, 3])
    instruments = Instruments(
        Instrument("mail.queue", unit="By", description="Sizes.", read=read),
        Instrument("mail.sent", "counter", read=lambda: [({}, next(counted))]),
    )
    async with served(instruments) as page:
        samples = [await page.samples() for _ in range(3)]

    def numbers(name: str, **labels: str) -> list[float | None]:
        return [item.get((name, frozenset(labels.items()))) for item in samples]

    assert numbers("mail_queue_bytes", kind="a") == [5, 7, 0]
    assert numbers("mail_queue_bytes", kind="b") == [None, 1, 2]
    # A counter never falls, even if its instrument does.
    assert numbers("mail_sent_total") == [10, 12, 12]


async def test_shared_instruments_are_read_once_a_second_and_have_a_second() -> None:
    reads = 0

    async def count() -> list[tuple[dict[str, str], float]]:
        nonlocal reads
        reads += 1
        return [({"queue": "a"}, reads)]

    async def hang() -> list[tuple[dict[str, str], float]]:
        await asyncio.Event().wait()
        return []

    def fail() -> list[tuple[dict[str, str], float]]:
        raise ConnectionError("no Redis")

    instruments = Instruments(
        Instrument("queue.length", read=count, scope="shared"),
        Instrument("queue.hanging", read=hang, scope="shared"),
        Instrument("queue.failing", read=fail, scope="shared"),
    )
    async with served(instruments) as page:
        first = await page.samples()
        second = await page.samples()

    assert first["queue_length", frozenset({("queue", "a")})] == 1
    assert second["queue_length", frozenset({("queue", "a")})] == 1
    assert not any(name in {"queue_hanging", "queue_failing"} for name, _ in second)
    for name in ("queue.hanging", "queue.failing"):
        key = "actionhero_scrape_errors_total", frozenset({("instrument", name)})
        assert second[key] == 1


@pytest.mark.parametrize("scope", ["process", "shared"])
@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([({}, None)], None),
        ([({}, "5")], None),
        ([({}, 10**400)], None),
        ([5], None),
        ([({"db.system": "x"}, 1)], None),
        ([({"le": "x"}, 1)], None),
        ([({1: "x"}, 1)], None),
        ([({"a": "x"}, 1), ({"a": "x"}, 2)], {"x": 3}),
        ([({"a": str(number)}, 1) for number in range(5)], {"0": 1, "1": 1, "2": 1, "_other": 2}),
    ],
)
async def test_a_faulty_reading_does_not_affect_other_metrics(
    scope: Any, readings: Any, expected: dict[str, float] | None
) -> None:
    instruments = Instruments(
        Instrument("mail.queue", read=lambda: readings, scope=scope),
        Instrument("mail.open", read=lambda: [({}, 1)], scope=scope),
    )
    async with served(instruments, series_limit=3) as page:
        await page.samples()
        # The errors of a reading are counted in the next one.
        samples = await page.samples()

    name = "actionhero_scrape_errors_total", frozenset({("instrument", "mail.queue")})
    numbers = {dict(labels)["a"]: samples[item, labels] for item, labels in samples
               if item == "mail_queue"}  # fmt: skip
    assert samples["mail_open", frozenset()] == 1
    assert numbers == (expected or {})
    assert (name in samples) is (expected is None)


async def test_recorded_instruments_record_only_with_a_reader() -> None:
    sent = Instrument("mail.sent", "counter", labels=("server",))
    times = Instrument("mail.time", "histogram", unit="s", labels=("server",))

    async with served(Instruments(sent, times)) as page:
        assert sent.record is not None
        assert times.record is not None
        sent.record(2, "smtp")
        times.record(0.3, "smtp")
        number = await page.number("mail_sent_total", server="smtp")
        bucket = await page.number("mail_time_seconds_bucket", server="smtp", le="0.5")

    assert (number, bucket) == (2, 1)
    assert sent.record is None


async def test_instruments_with_the_name_of_a_metric_are_start_errors() -> None:
    with pytest.raises(BootError, match="has the name of another metric, 'shop_orders'"):
        async with served(Instruments(Instrument("shop.orders", "counter", read=list))):
            pass


# -- reading -----------------------------------------------------------------------------------


def check_metrics(text: str) -> subprocess.CompletedProcess[str]:
    """Check metrics as Prometheus does."""
    return subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False
    )


async def test_both_formats_are_valid() -> None:
    async with served() as page:
        await page.call("POST", "/api/order/de")
        orders.add(1, country='"\n\\')
        text = await page.text()
        open_metrics = await page.text("application/openmetrics-text; version=1.0.0")

    families = {family.name: family for family in parse_openmetrics(open_metrics)}
    assert families["shop_orders"].type == "counter"
    assert families["actionhero_call_duration_seconds"].unit == "seconds"
    types = {family.name: family.type for family in parse_text(text)}
    assert types["actionhero_call_duration_seconds"] == "histogram"
    assert types["shop_orders"] == "counter"
    if shutil.which("promtool") is None:
        pytest.skip("promtool of the Debian package prometheus is not installed")
    check = await asyncio.to_thread(check_metrics, text)
    assert (check.returncode, check.stderr) == (0, "")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3", True),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=x", False),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1", True),
    ],
)
def test_openmetrics_is_used_if_the_client_prefers_it(accept: str, expected: bool) -> None:
    assert prefers_openmetrics(accept) is expected


def basic(credentials: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


@pytest.mark.parametrize("where", ["route", "listen"])
async def test_credentials_are_required_if_they_are_set(where: str) -> None:
    place = {"route": "/metrics"} if where == "route" else {"route": "", "listen": "127.0.0.1:0"}
    async with served(web=where == "route", username="ada", password="a:ü", **place) as page:
        statuses = [
            await page.call("GET", "/metrics", headers=headers)
            for headers in (
                {},
                basic("ada:wrong"),
                basic("ada:a"),
                {"Authorization": "Basic ?"},
                {"Authorization": "Bearer " + b64encode("ada:a:ü".encode()).decode()},
                basic("ada:a:ü"),
            )
        ]
        async with page.client.get("/metrics") as response:
            challenge = response.headers.getall("WWW-Authenticate")
            document = await response.json()

    assert statuses == [401, 401, 401, 401, 401, 200]
    assert challenge == ['Basic realm="Metrics", charset="UTF-8"']
    assert document["error"]["message"] == "The metrics require a user and a password"


@pytest.mark.parametrize("where", ["route", "listen"])
async def test_only_get_and_head_are_possible(where: str) -> None:
    place = {"route": "/metrics"} if where == "route" else {"route": "", "listen": "127.0.0.1:0"}
    async with served(web=where == "route", **place) as page:
        async with page.client.head("/metrics") as head:
            assert (head.status, await head.read()) == (200, b"")
            assert head.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert head.headers["Cache-Control"] == "no-store"
        for method in ("POST", "PUT", "DELETE"):
            async with page.client.request(method, "/metrics") as response:
                document = await response.json()
                assert response.status == 405
                assert "GET" in response.headers["Allow"]
                assert document["error"]["message"]


def listener_of(app: Any) -> Any:
    """Return the listener of an application."""
    return app.get(MetricsInitializer).listener


async def test_an_address_in_use_by_another_application_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not one that another process with the same values has, which serves them."""
    caplog.set_level("WARNING", "actionhero.telemetry")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        telemetry = TelemetrySettings(listen=f"127.0.0.1:{port}")
        settings = [AppSettings(data_dir=tmp_path), telemetry]
        async with running_app(plugin, settings=settings, mode=RunMode.WORKER) as app:
            assert listener_of(app).port is None
    assert caplog.text.count("another application, or a process with another app.data_dir") == 1
    caplog.clear()

    async with (
        running_app(plugin, settings=settings, mode=RunMode.WORKER) as first,
        running_app(plugin, settings=settings, mode=RunMode.WORKER) as second,
    ):
        ports = [listener_of(app).port for app in (first, second)]

    assert ports == [port, None]
    assert caplog.text == ""


async def test_other_paths_of_the_listener_are_not_found() -> None:
    async with (
        served(web=False, route="", listen="127.0.0.1:0") as page,
        page.client.get("/") as response,
    ):
        document = await response.json()
        status = response.status

    assert (status, document["error"]["type"]) == (404, "CONNECTION_ACTION_NOT_FOUND")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (None, 200),
        ("localhost", 200),
        ("app.localhost:9464", 200),
        ("127.0.0.1:9464", 200),
        ("[::1]:9464", 200),
        ("evil.example", 403),
        ("evil.example:9464", 403),
        ("[", 403),
        ("localhost\r\nHost: evil.example", 403),
    ],
)
async def test_a_listener_on_a_loopback_address_is_for_this_machine(
    host: str | None, status: int
) -> None:
    """The name of a site in a browser may resolve to it."""
    async with served(web=False, route="", listen="127.0.0.1:0") as page:
        response = await listener_response(page.app, host)

    assert response.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"CONNECTION_ACTION_FORBIDDEN" in response) is (status == 403)


async def test_listeners_with_credentials_or_for_other_machines_have_any_host() -> None:
    settings: list[dict[str, Any]] = [
        {"listen": "127.0.0.1:0", "username": "ada", "password": "a"},
        {"listen": "0.0.0.0:0"},
    ]
    responses = []
    for section in settings:
        async with served(web=False, route="", **section) as page:
            responses.append(await listener_response(page.app, "metrics.example"))

    assert [response.partition(b"\r\n")[0] for response in responses] == [
        b"HTTP/1.1 401 Unauthorized",
        b"HTTP/1.1 200 OK",
    ]


async def listener_response(app: Any, host: str | None) -> bytes:
    """Return the response of a listener to a request with a host."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listener_of(app).port)
    header = "" if host is None else f"Host: {host}\r\n"
    writer.write(f"GET /metrics HTTP/1.1\r\n{header}\r\n".encode())
    response = await reader.read()
    writer.close()
    return response


@pytest.mark.parametrize(
    "data",
    [b"GET /metrics\r\n\r\n", b"\r\n\r\n", b"GET /metrics HTTP/2\r\n\r\n", b"\xff\r\n\r\n"],
)
async def test_unparsable_requests_are_refused(data: bytes) -> None:
    async with served(web=False, route="", listen="127.0.0.1:0") as page:
        port = page.app.get(MetricsInitializer).listener.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        status = await reader.readline()
        writer.close()

    assert status == b"HTTP/1.1 400 Bad Request\r\n"


async def test_large_request_heads_are_refused() -> None:
    async with served(web=False, route="", listen="127.0.0.1:0") as page:
        port = page.app.get(MetricsInitializer).listener.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n")
        status = await reader.readline()
        writer.close()

    assert status == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"


@pytest.mark.parametrize("settings", [{"route": ""}, {"metrics": False}])
async def test_metrics_that_are_off_are_not_found_and_cost_nothing(
    settings: dict[str, Any],
) -> None:
    async with served(**settings) as page:
        async with page.client.get("/metrics") as response:
            document = await response.json()
            status = response.status
        assert not page.app.app.has(MetricsInitializer)

    assert (status, document["error"]["type"]) == (404, "CONNECTION_ACTION_NOT_FOUND")


def test_commands_do_not_import_the_library() -> None:
    code = (
        "import asyncio, sys\n"
        "from actionhero import RunMode\n"
        "from actionhero.testing import running_app\n"
        "from actionhero_telemetry import Counter, TelemetrySettings, plugin\n"
        "orders = Counter('shop.orders')\n"
        "async def main():\n"
        "    settings = [TelemetrySettings(listen='127.0.0.1:0')]\n"
        "    async with running_app(plugin, settings=settings, mode=RunMode.CLI):\n"
        "        orders.add(1)\n"
        "asyncio.run(main())\n"
        "print([n for n in sys.modules if n.startswith(('prometheus', 'opentelemetry'))])\n"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout == "[]\n"
